//! VPC Lattice, by the [user guide](https://docs.aws.amazon.com/vpc-lattice/latest/ug/what-is-vpc-lattice.html) and the
//! [API reference](https://docs.aws.amazon.com/vpc-lattice/latest/APIReference/Welcome.html).
//!
//! Codes are those that the page of each operation lists, with these words
//! (<https://docs.aws.amazon.com/vpc-lattice/latest/APIReference/API_CreateService.html>): `ConflictException` "The
//! request conflicts with the current state of the resource. Updating or deleting a resource can cause an inconsistent
//! state."; `ResourceNotFoundException` "The request references a resource that does not exist.";
//! `ServiceQuotaExceededException` "The request would cause a service quota to be exceeded."; `ValidationException`
//! "The input does not satisfy the constraints specified by an AWS service." Figures of quotas:
//! <https://docs.aws.amazon.com/vpc-lattice/latest/ug/quotas.html>.
//!
//! Assumed, where the pages are silent: how long states last (a setting), that names and priorities which are taken, what
//! is in use and what is on its way all answer `ConflictException`, and that a target group of another service answers
//! `ValidationException`.

mod access;
mod action;
mod association;
mod group;
mod listener;
mod network;
mod rule;
mod serve;
mod service;
mod tags;

pub use group::Group;
pub use listener::Listener;
pub use rule::Rule;
pub use serve::target_group;
pub use service::Service;

use crate::error::ApiError;
use crate::input::{number, seconds, text, tidy};
use crate::service::{Context, Handler};
use crate::state::Account;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// Tokens of creations that are remembered.
const MOST_TOKENS: usize = 2000;

/// Everything of VPC Lattice in one account and region, by ARN.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    made: u64,
    networks: BTreeMap<String, network::Network>,
    services: BTreeMap<String, Service>,
    vpcs: BTreeMap<String, association::OfVpc>,
    links: BTreeMap<String, association::OfService>,
    listeners: BTreeMap<String, Listener>,
    rules: BTreeMap<String, Rule>,
    groups: BTreeMap<String, Group>,
    policies: BTreeMap<String, String>,
    logs: BTreeMap<String, access::Log>,
    tags: BTreeMap<String, Tags>,
    /// Since when each is there.
    created: BTreeMap<String, u64>,
    /// When each is gone that goes.
    going: BTreeMap<String, u64>,
    /// What was asked for with a token, and the answer.
    tokens: BTreeMap<String, (String, Value)>,
    #[serde(skip)]
    changed: Changed,
}

/// Resources that changed, or are gone.
#[derive(Clone, Debug, Default)]
pub struct Changed {
    /// ARNs of services.
    pub services: BTreeSet<String>,
    /// ARNs of target groups.
    pub groups: BTreeSet<String>,
}

macro_rules! operations {
    ($($name:literal => $handler:path),+ $(,)?) => {
        /// The operations that are served.
        pub const OPERATIONS: &[(&str, Handler)] = &[$(($name, |a, c, i| run($name, a, c, i, $handler))),+];
    };
}

operations! {
    "BatchUpdateRule" => rule::update_all,
    "CreateAccessLogSubscription" => access::log,
    "CreateListener" => listener::create,
    "CreateRule" => rule::create,
    "CreateService" => service::create,
    "CreateServiceNetwork" => network::create,
    "CreateServiceNetworkServiceAssociation" => association::create_of_service,
    "CreateServiceNetworkVpcAssociation" => association::create_of_vpc,
    "CreateTargetGroup" => group::create,
    "DeleteAccessLogSubscription" => access::stop,
    "DeleteAuthPolicy" => access::delete_policy,
    "DeleteListener" => listener::delete,
    "DeleteRule" => rule::delete,
    "DeleteService" => service::delete,
    "DeleteServiceNetwork" => network::delete,
    "DeleteServiceNetworkServiceAssociation" => association::delete_of_service,
    "DeleteServiceNetworkVpcAssociation" => association::delete_of_vpc,
    "DeleteTargetGroup" => group::delete,
    "DeregisterTargets" => group::deregister,
    "GetAuthPolicy" => access::policy,
    "GetListener" => listener::get,
    "GetRule" => rule::get,
    "GetService" => service::get,
    "GetServiceNetwork" => network::get,
    "GetServiceNetworkServiceAssociation" => association::get_of_service,
    "GetServiceNetworkVpcAssociation" => association::get_of_vpc,
    "GetTargetGroup" => group::get,
    "ListAccessLogSubscriptions" => access::logs,
    "ListListeners" => listener::list,
    "ListRules" => rule::list,
    "ListServiceNetworkServiceAssociations" => association::list_of_services,
    "ListServiceNetworkVpcAssociations" => association::list_of_vpcs,
    "ListServiceNetworks" => network::list,
    "ListServices" => service::list,
    "ListTagsForResource" => tags::list,
    "ListTargetGroups" => group::list,
    "ListTargets" => group::targets,
    "PutAuthPolicy" => access::put_policy,
    "RegisterTargets" => group::register,
    "TagResource" => tags::add,
    "UntagResource" => tags::remove,
    "UpdateListener" => listener::update,
    "UpdateRule" => rule::update,
    "UpdateService" => service::update,
    "UpdateServiceNetwork" => network::update,
    "UpdateServiceNetworkVpcAssociation" => association::update_of_vpc,
    "UpdateTargetGroup" => group::update,
}

/// `clientToken`, <https://docs.aws.amazon.com/vpc-lattice/latest/APIReference/API_CreateService.html>:
/// "If you retry a request that completed successfully using the same client token and parameters, the retry succeeds without
/// performing any actions. If the parameters aren't identical, the retry fails."
fn run(
    name: &str,
    account: &mut Account,
    context: &Context,
    input: &Value,
    operation: Handler,
) -> Result<Value, ApiError> {
    account.lattice.sweep(context);
    let token = text(input, "clientToken").map(|token| format!("{name}/{token}"));
    let asked = input.to_string();
    if let Some(token) = &token
        && let Some((before, answer)) = account.lattice.tokens.get(token)
    {
        if *before == asked {
            return Ok(answer.clone());
        }
        return Err(conflict("The client token was used with other parameters"));
    }
    let answer = operation(account, context, input).map(tidy)?;
    if let Some(token) = token {
        let tokens = &mut account.lattice.tokens;
        if tokens.len() >= MOST_TOKENS {
            tokens.clear();
        }
        tokens.insert(token, (asked, answer.clone()));
    }
    Ok(answer)
}

fn conflict(message: impl Into<String>) -> ApiError {
    ApiError::new("ConflictException", message)
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

fn missing(what: &str, id: &str) -> ApiError {
    ApiError::new("ResourceNotFoundException", format!("{what} {id} not found"))
}

fn quota(what: &str, most: u64) -> ApiError {
    ApiError::new(
        "ServiceQuotaExceededException",
        format!("You have reached the limit of {most} {what}"),
    )
}

/// Names may not begin as ids do: `(?!svc-)` and its like in the patterns of names
/// (<https://docs.aws.amazon.com/vpc-lattice/latest/APIReference/API_CreateService.html>,
/// <https://docs.aws.amazon.com/vpc-lattice/latest/APIReference/API_CreateTargetGroup.html>).
fn check_name(name: &str, prefix: &str) -> Result<(), ApiError> {
    if name.starts_with(prefix) {
        return Err(invalid(format!("The name {name} must not begin with {prefix}")));
    }
    Ok(())
}

/// The key of what is named by id or ARN.
fn named<'m, T>(all: &'m BTreeMap<String, T>, id: &str) -> Option<&'m String> {
    if id.starts_with("arn:") {
        return all.get_key_value(id).map(|(arn, _)| arn);
    }
    let end = format!("/{id}");
    all.keys().find(|arn| arn.ends_with(&end))
}

/// The id at the end of an ARN.
fn id_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

/// A page of a list: `maxResults`, 1 to 100, and `nextToken`
/// (<https://docs.aws.amazon.com/vpc-lattice/latest/APIReference/API_ListServices.html>). What another token answers is
/// not documented.
fn page(items: Vec<Value>, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let from = match text(input, "nextToken") {
        None => 0,
        Some(token) => URL_SAFE_NO_PAD
            .decode(token)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|text| text.parse::<usize>().ok())
            .ok_or_else(|| invalid("Invalid nextToken"))?,
    };
    let asked = number(input, "maxResults").and_then(|size| usize::try_from(size).ok());
    let size = asked
        .unwrap_or(context.settings.default_page_size.min(100))
        .max(1);
    let total = items.len();
    let page: Vec<Value> = items.into_iter().skip(from).take(size).collect();
    let end = from.saturating_add(page.len());
    let next = (end < total).then(|| URL_SAFE_NO_PAD.encode(end.to_string()));
    Ok(json!({"items": page, "nextToken": next}))
}

impl State {
    /// Seventeen small letters and digits that no other resource has.
    fn next(&mut self, context: &Context, prefix: &str) -> String {
        self.made += 1;
        let seed = format!("{}/{}/{prefix}/{}", context.account, context.region, self.made);
        let mut digits = String::new();
        for byte in Sha256::digest(seed.as_bytes()).iter().take(9) {
            let _ = write!(digits, "{byte:02x}");
        }
        digits.truncate(17);
        format!("{prefix}-{digits}")
    }

    fn note(&mut self, arn: &str, tags: Tags, context: &Context) {
        self.tags.insert(arn.to_owned(), tags);
        self.created.insert(arn.to_owned(), context.now);
    }

    /// Ends something in AWS's own time.
    fn end(&mut self, arn: &str, context: &Context) {
        let at = context.now.saturating_add(context.settings.lattice_status_ms);
        self.going.entry(arn.to_owned()).or_insert(at);
        self.touch(arn);
        self.sweep(context);
    }

    /// `status` in AWS's words.
    fn status(&self, arn: &str, context: &Context) -> &'static str {
        if self.going.contains_key(arn) {
            return "DELETE_IN_PROGRESS";
        }
        if context.now < self.active_at(arn, context.settings.lattice_status_ms) {
            return "CREATE_IN_PROGRESS";
        }
        "ACTIVE"
    }

    fn active_at(&self, arn: &str, takes: u64) -> u64 {
        let created = self.created.get(arn).copied().unwrap_or_default();
        created.saturating_add(takes)
    }

    fn created(&self, arn: &str) -> Value {
        self.created.get(arn).map_or(Value::Null, |at| seconds(*at))
    }

    /// Something on its way cannot be changed.
    fn settled(&self, arn: &str, context: &Context) -> Result<(), ApiError> {
        match self.status(arn, context) {
            "ACTIVE" => Ok(()),
            status => Err(conflict(format!("{} is {status}", id_of(arn)))),
        }
    }

    /// Has the traffic of a service follow, whatever of it the ARN is of.
    fn touch(&mut self, arn: &str) {
        if let Some(link) = self.links.get(arn) {
            self.changed.services.insert(link.service.clone());
        }
        if self.groups.contains_key(arn) {
            self.changed.groups.insert(arn.to_owned());
        }
        if let Some((service, _)) = arn.split_once("/listener/") {
            self.changed.services.insert(service.to_owned());
        } else if self.services.contains_key(arn) {
            self.changed.services.insert(arn.to_owned());
        } else if self.networks.contains_key(arn) {
            let services = self.links.values().filter(|link| link.network == arn);
            let services: Vec<String> = services.map(|link| link.service.clone()).collect();
            self.changed.services.extend(services);
        }
    }

    fn forget(&mut self, arn: &str) {
        self.touch(arn);
        self.going.remove(arn);
        self.created.remove(arn);
        self.tags.remove(arn);
        self.policies.remove(arn);
        self.networks.remove(arn);
        self.services.remove(arn);
        self.vpcs.remove(arn);
        self.links.remove(arn);
        self.listeners.remove(arn);
        self.rules.remove(arn);
        self.groups.remove(arn);
        self.logs.remove(arn);
        let below = format!("{arn}/");
        let parts: Vec<String> = self
            .listeners
            .keys()
            .chain(self.rules.keys())
            .filter(|part| part.starts_with(&below))
            .chain(
                self.logs
                    .iter()
                    .filter(|(_, log)| log.of == arn)
                    .map(|(part, _)| part),
            )
            .cloned()
            .collect();
        for part in parts {
            self.forget(&part);
        }
    }

    /// What was going and is due is gone; drained targets too.
    fn sweep(&mut self, context: &Context) {
        self.sweep_at(context.now);
    }

    fn sweep_at(&mut self, now: u64) {
        let due: Vec<String> = self
            .going
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(arn, _)| arn.clone())
            .collect();
        for arn in due {
            self.forget(&arn);
        }
        for (arn, group) in &mut self.groups {
            let before = group.targets.len();
            group
                .targets
                .retain(|target| target.draining_until.is_none_or(|until| until > now));
            if group.targets.len() < before {
                self.changed.groups.insert(arn.clone());
            }
        }
    }

    /// All resources with their tags, for `GetResources` of the tagging API.
    pub fn tagged(&self) -> Vec<(String, Tags)> {
        self.tags
            .iter()
            .map(|(arn, tags)| (arn.clone(), tags.clone()))
            .collect()
    }

    /// The ARN of what is named by id or ARN, whatever it is.
    pub fn arn_of(&self, id: &str) -> Option<&str> {
        named(&self.tags, id).map(String::as_str)
    }

    /// What changed since this was asked last, by calls and by the passing of time.
    pub fn take_changed(&mut self, now: u64) -> Changed {
        if !self.going.is_empty() || !self.groups.is_empty() {
            self.sweep_at(now);
        }
        std::mem::take(&mut self.changed)
    }
}

#[cfg(test)]
mod tests;
