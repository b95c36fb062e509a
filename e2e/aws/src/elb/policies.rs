//! Security policies of TLS listeners:
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html>.

use super::page;
use crate::error::ApiError;
use crate::input::{text, texts};
use crate::service::Context;
use crate::state::Account;
use serde_json::{Value, json};

/// The policy of a listener that is created through the API and names none.
pub(super) const DEFAULT: &str = "ELBSecurityPolicy-2016-08";

const ALL: &[&str] = &["TLSv1", "TLSv1.1", "TLSv1.2"];

/// Names and protocol versions. Ciphers are not told: the data plane chooses them.
const POLICIES: &[(&str, &[&str])] = &[
    ("ELBSecurityPolicy-2016-08", ALL),
    ("ELBSecurityPolicy-FS-1-1-2019-08", &["TLSv1.1", "TLSv1.2"]),
    ("ELBSecurityPolicy-FS-1-2-2019-08", &["TLSv1.2"]),
    ("ELBSecurityPolicy-FS-1-2-Res-2019-08", &["TLSv1.2"]),
    ("ELBSecurityPolicy-FS-1-2-Res-2020-10", &["TLSv1.2"]),
    ("ELBSecurityPolicy-FS-2018-06", ALL),
    ("ELBSecurityPolicy-TLS-1-0-2015-04", ALL),
    ("ELBSecurityPolicy-TLS-1-1-2017-01", &["TLSv1.1", "TLSv1.2"]),
    ("ELBSecurityPolicy-TLS-1-2-2017-01", &["TLSv1.2"]),
    ("ELBSecurityPolicy-TLS-1-2-Ext-2018-06", &["TLSv1.2"]),
    (
        "ELBSecurityPolicy-TLS13-1-0-2021-06",
        &["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"],
    ),
    (
        "ELBSecurityPolicy-TLS13-1-0-PQ-2025-09",
        &["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"],
    ),
    (
        "ELBSecurityPolicy-TLS13-1-1-2021-06",
        &["TLSv1.1", "TLSv1.2", "TLSv1.3"],
    ),
    ("ELBSecurityPolicy-TLS13-1-2-2021-06", &["TLSv1.2", "TLSv1.3"]),
    (
        "ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06",
        &["TLSv1.2", "TLSv1.3"],
    ),
    (
        "ELBSecurityPolicy-TLS13-1-2-Ext1-PQ-2025-09",
        &["TLSv1.2", "TLSv1.3"],
    ),
    (
        "ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06",
        &["TLSv1.2", "TLSv1.3"],
    ),
    (
        "ELBSecurityPolicy-TLS13-1-2-Ext2-PQ-2025-09",
        &["TLSv1.2", "TLSv1.3"],
    ),
    ("ELBSecurityPolicy-TLS13-1-2-PQ-2025-09", &["TLSv1.2", "TLSv1.3"]),
    ("ELBSecurityPolicy-TLS13-1-2-Res-2021-06", &["TLSv1.2", "TLSv1.3"]),
    (
        "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
        &["TLSv1.2", "TLSv1.3"],
    ),
    ("ELBSecurityPolicy-TLS13-1-3-2021-06", &["TLSv1.3"]),
    ("ELBSecurityPolicy-TLS13-1-3-PQ-2025-09", &["TLSv1.3"]),
    (
        "ELBSecurityPolicy-TLS13-1-0-FIPS-2023-04",
        &["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"],
    ),
    (
        "ELBSecurityPolicy-TLS13-1-1-FIPS-2023-04",
        &["TLSv1.1", "TLSv1.2", "TLSv1.3"],
    ),
    (
        "ELBSecurityPolicy-TLS13-1-2-Ext0-FIPS-2023-04",
        &["TLSv1.2", "TLSv1.3"],
    ),
    (
        "ELBSecurityPolicy-TLS13-1-2-Ext1-FIPS-2023-04",
        &["TLSv1.2", "TLSv1.3"],
    ),
    (
        "ELBSecurityPolicy-TLS13-1-2-Ext2-FIPS-2023-04",
        &["TLSv1.2", "TLSv1.3"],
    ),
    (
        "ELBSecurityPolicy-TLS13-1-2-FIPS-2023-04",
        &["TLSv1.2", "TLSv1.3"],
    ),
    (
        "ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04",
        &["TLSv1.2", "TLSv1.3"],
    ),
    ("ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04", &["TLSv1.3"]),
];

/// A policy must be known.
///
/// # Errors
///
/// `SSLPolicyNotFound`.
pub(super) fn check(name: &str) -> Result<(), ApiError> {
    if POLICIES.iter().any(|(known, _)| *known == name) {
        return Ok(());
    }
    Err(ApiError::new(
        "SSLPolicyNotFound",
        format!("SSL policy '{name}' not found"),
    ))
}

/// `API_DescribeSSLPolicies`.
pub(super) fn describe(_account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let names = texts(input, "Names");
    names.iter().try_for_each(|name| check(name))?;
    let kinds: &[&str] = match text(input, "LoadBalancerType") {
        Some("gateway") => &[],
        _ => &["application", "network"],
    };
    let asked = POLICIES
        .iter()
        .filter(|(name, _)| names.is_empty() || names.contains(name));
    let policies = asked.filter(|_| !kinds.is_empty()).map(
        |(name, protocols)| json!({"Name": name, "SslProtocols": protocols, "SupportedLoadBalancerTypes": kinds}),
    );
    page::answer("SslPolicies", policies.collect(), context, input)
}
