//! Condition types and reasons, read from the Go constants.

use super::emit::HEADER;
use super::names;
use super::source::Source;
use anyhow::{Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Go type prefixes and the module their values go to.
const OWNERS: &[(&str, &str, &str)] = &[
    ("GatewayClass", "gateway_class", "a GatewayClass"),
    ("Gateway", "gateway", "a Gateway"),
    ("Listener", "listener", "a Gateway's listener"),
    ("ListenerSet", "listener_set", "a ListenerSet"),
    ("ListenerEntry", "listener_entry", "a ListenerSet's listener"),
    ("Route", "route", "a route, for each parent"),
    (
        "Policy",
        "policy",
        "a policy (BackendTLSPolicy, XTelemetryPolicy, XBackendTrafficPolicy), for each ancestor",
    ),
    ("Backend", "xbackend", "an XBackend, for each ancestor"),
    ("Mesh", "xmesh", "an XMesh"),
];

/// Values by module, then `condition` or `reason`.
type Table = BTreeMap<&'static str, BTreeMap<&'static str, BTreeSet<String>>>;

/// The module `conditions`.
pub fn module(source: &Source) -> Result<String> {
    let mut table = Table::new();
    for folder in ["apis/v1/", "apisx/v1alpha1/"] {
        for (path, text) in source.below(folder, "_types.go") {
            for line in text.lines() {
                let Some((ty, value)) = constant(line) else {
                    continue;
                };
                let (prefix, group) = if let Some(prefix) = ty.strip_suffix("ConditionType") {
                    (prefix, "condition")
                } else if let Some(prefix) = ty.strip_suffix("ConditionReason") {
                    (prefix, "reason")
                } else {
                    continue;
                };
                let Some((_, module, _)) = OWNERS.iter().find(|(owner, _, _)| *owner == prefix) else {
                    bail!("{path}: unknown owner of {ty}; add it to xtask/src/crds/constants.rs");
                };
                table
                    .entry(module)
                    .or_default()
                    .entry(group)
                    .or_default()
                    .insert(value.to_owned());
            }
        }
    }
    let mut text = HEADER.to_owned();
    writeln!(
        text,
        "//! Condition types and reasons of Gateway API {}.\n\n#![allow(missing_docs)]",
        source.version
    )?;
    for (_, module, about) in OWNERS {
        writeln!(text, "\n/// Conditions of {about}.\npub mod {module} {{")?;
        for (group, values) in table.get(module).into_iter().flatten() {
            let what = if *group == "condition" {
                "Condition types"
            } else {
                "Reasons"
            };
            writeln!(text, "/// {what}.\npub mod {group} {{")?;
            for value in values {
                writeln!(text, "pub const {}: &str = \"{value}\";", screaming(value))?;
            }
            text.push_str("}\n");
        }
        text.push_str("}\n");
    }
    Ok(text)
}

/// `Name Type = "value"` of a Go constant: type (empty if left out) and value.
pub fn constant(line: &str) -> Option<(&str, &str)> {
    let (left, right) = line.split_once('=')?;
    let mut words = left.split_whitespace();
    let name = words.next()?;
    let ty = words.next().unwrap_or("");
    let value = right.trim().strip_prefix('"')?.split('"').next()?;
    (words.next().is_none() && !name.starts_with("//")).then_some((ty.trim_start_matches("v1."), value))
}

/// `InvalidCACertificateRef` becomes `INVALID_CA_CERTIFICATE_REF`.
fn screaming(value: &str) -> String {
    names::module(&value.replace("CACertificate", "CaCertificate")).to_ascii_uppercase()
}
