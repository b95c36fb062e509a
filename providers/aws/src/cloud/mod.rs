//! AWS as the drivers need it: coarse calls in types of our own, with typed errors.
//!
//! What an implementation owes:
//!
//! - Answers are complete or an error: all pages are read, and lists longer than a call of AWS takes (20 ARNs of
//!   `DescribeTags`, 20 names of a describe) are cut into several calls. What writes is one call of AWS each time:
//!   callers keep to its limits, and tests count.
//! - Answers are in canonical form: what AWS echoes in two ways (a `RegexValues` at the top of a condition and in
//!   its config, a `TargetGroupArn` beside a `ForwardConfig`) comes once, in the one form of `gatewright-aws-core`.
//! - A call may be repeated after an error: [`CloudError::kind`] says of which kind it was, never by its text.
//! - Every call ends within a time of its own: a call without an answer is [`ErrorKind::Timeout`].
//! - No secret in any error or log.
//!
//! [`ErrorKind::Timeout`]: gatewright_provider_api::contract::ErrorKind::Timeout

mod balancer;
mod capacity;
mod certificate;
mod error;
mod listener;
mod listing;
mod network;
mod protection;
mod rule;
mod tagging;
mod target_group;
mod trust_store;
mod urgency;
mod web_acl;

pub use balancer::{Balancer, Balancers, NewBalancer, Standing, State};
pub use capacity::{Capacities, Capacity};
pub use certificate::{CertificateDetails, CertificateStatus, Certificates};
pub use error::CloudError;
pub use listener::{Clients, Listener, ListenerSettings, ListenerTls, Listeners, NewListener};
pub use listing::{Census, Freshness, Listing};
pub use network::{ElasticAddress, Group, Network, NewGroup, SubnetDetails, Vpc};
pub use protection::{NewProtection, Protection, Protections};
pub use rule::{Action, Forward, NewRule, Rule, RuleSettings, Rules, Seen};
pub use tagging::{Kind, Tagged, Tagging};
pub use target_group::{Group as TargetGroup, Health, NewTargetGroup, TargetGroups};
pub use trust_store::{NewTrustStore, TrustStores};
pub use urgency::Urgency;
pub use web_acl::WebAcls;

use crate::swept::PACE;
use gatewright_aws_core::Str;
use gatewright_aws_core::limits::{AlbLimits, NlbLimits};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;

/// What AWS calls a resource: its ARN; of security groups their id (`sg-…`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Arn(pub Str);

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Attributes by key, as `ModifyLoadBalancerAttributes` and its like take them.
pub type Attributes = BTreeMap<Str, Str>;

/// Answer of a call.
pub type Answer<T> = Result<T, CloudError>;

/// An account in a region.
pub trait Cloud:
    Balancers
    + Listeners
    + Rules
    + TargetGroups
    + Network
    + Certificates
    + TrustStores
    + WebAcls
    + Protections
    + Capacities
    + Tagging
    + Listing
    + Send
    + Sync
{
    /// Quotas: `DescribeAccountLimits`, and Service Quotas where that tells more. Defaults of
    /// [`AlbLimits`] for what neither tells. May be some minutes old.
    fn limits(&self) -> impl Future<Output = Answer<AlbLimits>> + Send;

    /// The same of Network Load Balancers.
    fn network_limits(&self) -> impl Future<Output = Answer<NlbLimits>> + Send;

    /// Calls a second that looks at everything may take.
    fn pace(&self) -> f64 {
        PACE
    }
}
