//! Certificates: ACM as far as load balancers use it.
//!
//! Rules are those of the [API reference](https://docs.aws.amazon.com/acm/latest/APIReference/Welcome.html) and
//! the [user guide](https://docs.aws.amazon.com/acm/latest/userguide/import-certificate.html). Private keys never
//! leave by an operation, nor by a log.

mod import;
mod inspect;
mod issue;
mod list;
mod tags;

pub use inspect::Facts;
pub use issue::issue_apart;

use crate::error::ApiError;
use crate::input::{text, tidy};
use crate::service::{Context, Handler};
use crate::state::Account;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Everything of ACM in one account and region.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    certificates: BTreeMap<String, Certificate>,
    /// How many were made, from which names and the order of lists follow.
    made: u64,
    /// The authority that issues requested certificates.
    authority: Option<issue::Authority>,
    /// Certificates that each load balancer uses.
    users: BTreeMap<String, BTreeSet<String>>,
}

/// A text that no log shows.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the data plane.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(secret)")
    }
}

/// A certificate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Certificate {
    /// Its name in AWS's scheme.
    pub arn: String,
    /// Where it comes from.
    pub origin: Origin,
    /// What it says.
    pub facts: Facts,
    /// The certificate itself, PEM.
    pub certificate: String,
    /// The certificates behind it, PEM; empty for a self-signed one.
    pub chain: String,
    /// Its key, PEM.
    pub key: Secret,
    /// Its place in the order of making.
    number: u64,
    /// When it was requested or first imported, in ms.
    created: u64,
    /// When it was imported for the last time, in ms.
    imported: Option<u64>,
    /// A status that the admin API set.
    forced: Option<String>,
    tags: BTreeMap<String, String>,
}

/// Where a certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// Its user brought it.
    Imported,
    /// It was requested.
    Requested(issue::Request),
}

impl Certificate {
    /// Its status in AWS's words. Only `ISSUED` ones can be used by a listener.
    pub fn status(&self, context: &Context) -> &str {
        if let Some(forced) = &self.forced {
            return forced;
        }
        if let Origin::Requested(_) = self.origin
            && context.now < self.issued_at(context)
        {
            return "PENDING_VALIDATION";
        }
        if context.now >= self.facts.not_after {
            return "EXPIRED";
        }
        "ISSUED"
    }

    fn issued_at(&self, context: &Context) -> u64 {
        self.created
            .saturating_add(context.settings.certificate_validation_ms)
    }

    /// The certificate and those behind it, as a server sends them.
    pub fn full_chain(&self) -> String {
        format!("{}\n{}", self.certificate.trim_end(), self.chain)
    }
}

/// The operations that are served.
pub const OPERATIONS: &[(&str, Handler)] = &[
    ("AddTagsToCertificate", |a, c, i| run(a, c, i, tags::add)),
    ("DeleteCertificate", |a, c, i| run(a, c, i, delete)),
    ("DescribeCertificate", |a, c, i| run(a, c, i, list::describe)),
    ("GetCertificate", |a, c, i| run(a, c, i, list::get)),
    ("ImportCertificate", |a, c, i| run(a, c, i, import::import)),
    ("ListCertificates", |a, c, i| run(a, c, i, list::list)),
    ("ListTagsForCertificate", |a, c, i| run(a, c, i, tags::list)),
    ("RemoveTagsFromCertificate", |a, c, i| run(a, c, i, tags::remove)),
    ("RequestCertificate", |a, c, i| run(a, c, i, issue::request)),
];

fn run(
    account: &mut Account,
    context: &Context,
    input: &Value,
    operation: Handler,
) -> Result<Value, ApiError> {
    operation(account, context, input).map(tidy)
}

impl State {
    /// A certificate by its name in AWS's scheme.
    pub fn certificate(&self, arn: &str) -> Option<&Certificate> {
        self.certificates.get(arn)
    }

    /// All certificates, of which an inventory is made.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.certificates.values()
    }

    /// Notes which certificates a load balancer uses now; none when it is gone.
    pub fn set_used_by(&mut self, load_balancer: &str, certificates: BTreeSet<String>) {
        if certificates.is_empty() {
            self.users.remove(load_balancer);
        } else {
            self.users.insert(load_balancer.to_owned(), certificates);
        }
    }

    /// The load balancers that use a certificate.
    pub fn used_by(&self, arn: &str) -> Vec<&str> {
        self.users
            .iter()
            .filter(|(_, used)| used.contains(arn))
            .map(|(user, _)| user.as_str())
            .collect()
    }

    /// Sets a status that a certificate would come to otherwise, such as `FAILED` or `REVOKED`; none gives it
    /// its own again.
    pub fn force_status(&mut self, arn: &str, status: Option<String>) -> Result<(), ApiError> {
        self.found_mut(arn)?.forced = status;
        Ok(())
    }

    /// Names, tags and kinds of all certificates, for the tagging API.
    pub fn tagged(&self) -> Vec<(String, BTreeMap<String, String>)> {
        self.certificates
            .values()
            .map(|certificate| (certificate.arn.clone(), certificate.tags.clone()))
            .collect()
    }

    /// The tags of a certificate, for the tagging API.
    pub fn tags_mut(&mut self, arn: &str) -> Option<&mut BTreeMap<String, String>> {
        self.certificates
            .get_mut(arn)
            .map(|certificate| &mut certificate.tags)
    }

    fn found_mut(&mut self, arn: &str) -> Result<&mut Certificate, ApiError> {
        self.certificates.get_mut(arn).ok_or_else(|| not_found(arn))
    }

    /// The certificate that a call names.
    fn named(&self, context: &Context, input: &Value) -> Result<&Certificate, ApiError> {
        let arn = named_arn(context, input)?;
        self.certificates.get(arn).ok_or_else(|| not_found(arn))
    }
}

/// The name that a call gives, checked to be one of a certificate of this account and region.
fn named_arn<'a>(context: &Context, input: &'a Value) -> Result<&'a str, ApiError> {
    let arn = text(input, "CertificateArn").unwrap_or_default();
    let own = context.arn("acm", "certificate/");
    if arn.starts_with(&own) {
        Ok(arn)
    } else {
        Err(ApiError::new(
            "InvalidArnException",
            format!("The requested Amazon Resource Name (ARN) does not refer to an existing resource: {arn}"),
        ))
    }
}

fn not_found(arn: &str) -> ApiError {
    ApiError::new(
        "ResourceNotFoundException",
        format!("Could not find certificate {arn}."),
    )
}

/// [DeleteCertificate](https://docs.aws.amazon.com/acm/latest/APIReference/API_DeleteCertificate.html): not while
/// a listener uses it.
fn delete(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let arn = account.acm.named(context, input)?.arn.clone();
    if !account.acm.used_by(&arn).is_empty() {
        return Err(ApiError::new(
            "ResourceInUseException",
            format!("Certificate {arn} in account {} is in use.", context.account),
        ));
    }
    account.acm.certificates.remove(&arn);
    Ok(Value::Object(serde_json::Map::new()))
}

#[cfg(test)]
mod tests;
