//! The API server's record of requests: events of `audit.k8s.io/v1`, one JSON object a line.

use super::Account;
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::BufRead;

/// A request to the API server.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// API group; empty for the core group, and where no resource was asked for.
    pub group: String,
    /// Resource, with its subresource after a slash; empty for other paths of the server.
    pub resource: String,
    /// What it takes to be allowed: the verb, and `create` where a patch made the object.
    pub verbs: BTreeSet<String>,
    /// The object; empty for all.
    pub name: String,
    /// Its namespace; empty for all.
    pub namespace: String,
    /// What was asked for, as it was asked.
    pub uri: String,
    /// Why it was refused.
    pub refusal: Option<String>,
}

/// Part of the message of a refusal that no right prevents: the namespace goes (Kubernetes, `NamespaceLifecycle`).
const GOING: &str = "because it is being terminated";

/// Reads the record and answers the calls of a service account.
///
/// # Errors
/// When a line is no event.
pub fn read_log(log: impl BufRead, account: &Account) -> Result<Vec<Call>> {
    let user = account.user();
    let mut seen = BTreeSet::new();
    let mut calls = Vec::new();
    for (index, line) in log.lines().enumerate() {
        let line = line.context("reading the record")?;
        let event: Value = serde_json::from_str(&line).with_context(|| format!("line {}", index + 1))?;
        if event["user"]["username"] != user.as_str() {
            continue;
        }
        // Watches are told of twice, when they begin and when they end.
        let id = event["auditID"].as_str().unwrap_or_default().to_owned();
        if seen.insert(id) {
            calls.push(call(&event));
        }
    }
    Ok(calls)
}

fn call(event: &Value) -> Call {
    let text = |pointer: &str| {
        let found = event.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_default().to_owned()
    };
    let verb = text("/verb");
    let code = event
        .pointer("/responseStatus/code")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    let mut verbs = BTreeSet::from([verb.clone()]);
    // Server-side apply of an object that is not there asks for the right to create it, too.
    if verb == "patch" && code == 201 {
        verbs.insert("create".to_owned());
    }
    let message = text("/responseStatus/message");
    let forbidden = event["annotations"]["authorization.k8s.io/decision"] == "forbid";
    let refused = forbidden || (code == 403 && !message.contains(GOING));
    let resource = match text("/objectRef/subresource").as_str() {
        "" => text("/objectRef/resource"),
        below => format!("{}/{below}", text("/objectRef/resource")),
    };
    Call {
        group: text("/objectRef/apiGroup"),
        resource,
        verbs,
        name: text("/objectRef/name"),
        namespace: text("/objectRef/namespace"),
        uri: format!("{verb} {}", text("/requestURI")),
        refusal: refused.then_some(message),
    }
}
