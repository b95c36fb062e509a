//! How a service is served: a model that says what calls and answers look like, and a function for each operation.

use crate::error::ApiError;
use crate::state::Account;
use crate::sts::Identity;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// Serves one operation.
///
/// The input is keyed by the model's member names and fulfils its constraints; integers are integers, timestamps
/// seconds since 1970 with fractions, blobs base64. The answer has the same forms and leaves out what is absent.
pub type Handler = fn(&mut Account, &Context, &Value) -> Result<Value, ApiError>;

/// A service.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// Our name of it, that of its model file.
    pub id: &'static str,
    /// Its model, JSON.
    pub model: &'static str,
    /// What serves each of the model's operations.
    pub operations: &'static [(&'static str, Handler)],
}

/// Who calls, when and where.
#[derive(Clone, Debug)]
pub struct Context {
    /// Twelve digits.
    pub account: String,
    /// For example `eu-central-1`.
    pub region: String,
    /// Milliseconds since 1970 by the simulator's clock.
    pub now: u64,
    /// Access key id of the call, if it was signed.
    pub access_key: Option<String>,
    /// Whom the credentials stand for.
    pub identity: Identity,
    /// Id of the call, as the answer tells it.
    pub request_id: String,
    /// How long states last.
    pub settings: Settings,
    /// What the data plane knows of the health of targets.
    pub healths: Arc<dyn Healths>,
}

/// What the data plane knows of the health of targets.
pub trait Healths: fmt::Debug + Send + Sync {
    /// Health of a target of a group; none when nothing checks it.
    fn of(&self, group: &str, target: &str, port: u16) -> Option<Health>;
}

/// Health of a target in the words of `TargetHealth`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// `initial`, `healthy`, `unhealthy`, `unused` or `unavailable`.
    pub state: String,
    /// For example `Target.Timeout`.
    pub reason: Option<String>,
    /// What the user reads.
    pub description: Option<String>,
}

/// Without a data plane nothing is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unchecked;

impl Healths for Unchecked {
    fn of(&self, _group: &str, _target: &str, _port: u16) -> Option<Health> {
        None
    }
}

impl Context {
    /// `aws`, `aws-cn` or `aws-us-gov`
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>).
    pub fn partition(&self) -> &'static str {
        partition(&self.region)
    }

    /// ARN of a resource of a service of this account and region.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!(
            "arn:{}:{service}:{}:{}:{resource}",
            self.partition(),
            self.region,
            self.account
        )
    }

    /// A caller for unit tests, without a data plane.
    #[cfg(test)]
    pub fn for_test(account: &str, region: &str, now: u64) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            now,
            access_key: Some(account.to_owned()),
            identity: Identity {
                account: account.to_owned(),
                arn: format!("arn:aws:iam::{account}:user/test"),
                user_id: "AIDATEST".to_owned(),
            },
            request_id: "test".to_owned(),
            settings: Settings::default(),
            healths: Arc::new(Unchecked),
        }
    }

    /// Now in the form of timestamps in answers: seconds since 1970.
    pub fn now_seconds(&self) -> f64 {
        self.now as f64 / 1000.0
    }
}

/// Partition of a region.
pub fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

/// How long states last, and sizes that AWS does not document. All times in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// From `provisioning` to `active`.
    pub load_balancer_provisioning_ms: u64,
    /// How long network interfaces outlive their load balancer.
    pub interface_release_ms: u64,
    /// How long a new security group is unknown to other calls (EC2 is eventually consistent).
    pub security_group_visible_ms: u64,
    /// From `CREATE_IN_PROGRESS` to `ACTIVE`, and from `DELETE_IN_PROGRESS` to nothing, of VPC Lattice.
    pub lattice_status_ms: u64,
    /// From `PENDING_VALIDATION` to `ISSUED`.
    pub certificate_validation_ms: u64,
    /// Until a trust store is active.
    pub trust_store_creation_ms: u64,
    /// Real milliseconds for each of AWS's seconds of health checks and deregistration delays.
    pub second_ms: u64,
    /// Where Lambda functions are invoked, on this machine, by the operation Invoke of Lambda's API; without, none answers.
    pub functions: Option<SocketAddr>,
    /// Items of a page when the call does not say.
    pub default_page_size: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            load_balancer_provisioning_ms: 500,
            interface_release_ms: 500,
            security_group_visible_ms: 0,
            lattice_status_ms: 300,
            certificate_validation_ms: 500,
            trust_store_creation_ms: 200,
            second_ms: 1000,
            functions: None,
            default_page_size: 100,
        }
    }
}
