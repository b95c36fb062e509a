//! Throttling by token buckets, per account, region and kind of request.

use super::{Subject, matches};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most buckets that are kept: of accounts and regions that call.
const MOST_BUCKETS: usize = 10_000;

/// A kind of requests that share a bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// Its name.
    pub name: String,
    /// Service by the name of its model.
    pub service: String,
    /// Operations, with `*`; the first category that has an operation takes it.
    pub operations: Vec<String>,
    /// Most tokens.
    pub capacity: f64,
    /// Tokens that come back each second.
    pub refill: f64,
    /// Whether each of its operations has a bucket of its own.
    #[serde(default)]
    pub each: bool,
}

/// Limits that are applied.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Throttling {
    /// Kinds of requests; none at first: nothing is throttled.
    pub categories: Vec<Category>,
}

impl Throttling {
    /// What AWS documents, and where it documents nothing what its load balancer controller paces itself by.
    ///
    /// - ELBv2 `Describe*`: 40 tokens, 10 come back each second,
    ///   <https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html>.
    /// - ELBv2's other calls: 20 and 3, registration of targets 20 and 4. Not documented: the client's limits in
    ///   aws-load-balancer-controller, `pkg/aws/throttle/defaults.go`.
    /// - EC2 non-mutating calls: 100 and 20, mutating ones 50 and 5,
    ///   <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>.
    /// - Certificate Manager, each operation by itself: imports 1 each second, requests and tags 5, other calls 10,
    ///   <https://docs.aws.amazon.com/acm/latest/userguide/acm-limits.html#api-rate-limits>; of lists editions of the page say 1
    ///   and more. How many come at once is not documented: those of two seconds.
    /// - AWS WAF: `GetWebACLForResource` one each second, associations one in two seconds,
    ///   <https://docs.aws.amazon.com/waf/latest/developerguide/limits.html>.
    /// - VPC Lattice and Resource Groups Tagging throttle (`ThrottlingException` with status 429, `ThrottledException`) by
    ///   figures that AWS does not document: half as much again as ELBv2's for Lattice, ten each second for searches by tags.
    pub fn documented() -> Self {
        let category =
            |name: &str, service: &str, operations: &[&str], capacity: f64, refill: f64| Category {
                name: name.to_owned(),
                service: service.to_owned(),
                operations: operations.iter().map(|text| (*text).to_owned()).collect(),
                capacity,
                refill,
                each: matches!(service, "acm" | "waf"),
            };
        Self {
            categories: vec![
                category("elbv2-describe", "elbv2", &["Describe*", "Get*"], 40.0, 10.0),
                category(
                    "elbv2-registration",
                    "elbv2",
                    &["RegisterTargets", "DeregisterTargets"],
                    20.0,
                    4.0,
                ),
                category("elbv2-mutating", "elbv2", &["*"], 20.0, 3.0),
                category(
                    "ec2-non-mutating",
                    "ec2",
                    &["Describe*", "Get*", "List*"],
                    100.0,
                    20.0,
                ),
                category("ec2-mutating", "ec2", &["*"], 50.0, 5.0),
                category(
                    "acm-import",
                    "acm",
                    &["ImportCertificate", "ListCertificates"],
                    2.0,
                    1.0,
                ),
                category(
                    "acm-write",
                    "acm",
                    &["RequestCertificate", "*TagsToCertificate", "*TagsFromCertificate"],
                    10.0,
                    5.0,
                ),
                category("acm", "acm", &["*"], 20.0, 10.0),
                category("waf-read", "waf", &["Get*"], 2.0, 1.0),
                category(
                    "waf-associations",
                    "waf",
                    &["AssociateWebACL", "DisassociateWebACL"],
                    2.0,
                    0.5,
                ),
                category("lattice-read", "lattice", &["Get*", "List*"], 60.0, 15.0),
                category("lattice-write", "lattice", &["*"], 30.0, 4.5),
                category("tagging", "tagging", &["GetResources"], 20.0, 10.0),
            ],
        }
    }
}

/// The buckets of all accounts.
#[derive(Debug, Default)]
pub struct Buckets {
    throttling: Throttling,
    filled: BTreeMap<(String, String, String), Bucket>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: u64,
}

impl Buckets {
    /// Sets the limits; all buckets are full again.
    pub fn set(&mut self, throttling: Throttling) {
        self.throttling = throttling;
        self.filled.clear();
    }

    /// All buckets are full again.
    pub fn refill(&mut self) {
        self.filled.clear();
    }

    /// The limits.
    pub fn throttling(&self) -> &Throttling {
        &self.throttling
    }

    /// Takes a token for a call; false when there is none: the call is throttled.
    pub fn take(&mut self, subject: Subject<'_>, now: u64) -> bool {
        let category = self.throttling.categories.iter().find(|category| {
            category.service == subject.service
                && category
                    .operations
                    .iter()
                    .any(|pattern| matches(pattern, subject.operation))
        });
        let Some(category) = category else {
            return true;
        };
        if self.filled.len() >= MOST_BUCKETS {
            self.filled.clear();
        }
        let bucket = if category.each {
            format!("{}/{}", category.name, subject.operation)
        } else {
            category.name.clone()
        };
        let key = (subject.account.to_owned(), subject.region.to_owned(), bucket);
        let bucket = self.filled.entry(key).or_insert(Bucket {
            tokens: category.capacity,
            at: now,
        });
        let passed = now.saturating_sub(bucket.at) as f64 / 1000.0;
        bucket.tokens = (bucket.tokens + passed * category.refill).min(category.capacity);
        bucket.at = now;
        let enough = bucket.tokens >= 1.0;
        if enough {
            bucket.tokens -= 1.0;
        }
        enough
    }
}
