//! What a service account may do, against what it did: the rights that its roles give it, and the API server's record
//! of its requests. The least that works is what was used, and nothing was refused.

mod audit;
mod grants;
#[cfg(test)]
mod tests;

pub use audit::{Call, read_log};
pub use grants::{Rbac, granted};

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A service account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Account {
    /// Reads `NAMESPACE/NAME`.
    pub fn parse(text: &str) -> Option<Self> {
        let (namespace, name) = text.split_once('/')?;
        let complete = !namespace.is_empty() && !name.is_empty();
        complete.then(|| Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }

    /// The name that the API server knows it by.
    pub fn user(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }
}

/// One verb on one resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// API group; empty for the core group.
    pub group: String,
    /// Resource, with its subresource after a slash.
    pub resource: String,
    /// Verb.
    pub verb: String,
    /// The objects that it is bound to; none: all.
    pub names: BTreeSet<String>,
    /// The namespace that it is bound to.
    pub namespace: Option<String>,
}

impl Right {
    /// Whether it is what allows a call.
    fn covers(&self, call: &Call) -> bool {
        let verb = call.verbs.iter().any(|verb| *verb == self.verb);
        let name = self.names.is_empty() || self.names.contains(&call.name);
        let namespace = self.namespace.as_ref();
        let namespace = namespace.is_none_or(|namespace| *namespace == call.namespace);
        verb && name && namespace && (&self.group, &self.resource) == (&call.group, &call.resource)
    }
}

impl fmt::Display for Right {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.verb, self.resource)?;
        if !self.group.is_empty() {
            write!(formatter, ".{}", self.group)?;
        }
        for name in &self.names {
            write!(formatter, " {name}")?;
        }
        match &self.namespace {
            Some(namespace) => write!(formatter, " (in {namespace})"),
            None => Ok(()),
        }
    }
}

/// Resources that not every cluster serves: group, resource, where they are. Rights on them count as used only where
/// the cluster does not serve them.
pub const ELSEWHERE: &[(&str, &str, &str)] = &[
    (
        "certificates.k8s.io",
        "clustertrustbundles",
        "served by default from Kubernetes 1.37 on",
    ),
    (
        "gateway.networking.x-k8s.io",
        "xtelemetrypolicies",
        "in the definitions of Gateway API v1.7.0",
    ),
];

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Rights that were used, with the number of calls.
    pub used: BTreeMap<Right, usize>,
    /// Rights that nothing used.
    pub unused: BTreeSet<Right>,
    /// Rights that nothing can use here, and where they are used.
    pub elsewhere: BTreeMap<Right, &'static str>,
    /// Calls that were refused.
    pub refused: BTreeSet<String>,
}

/// Compares rights with calls. `serves` says whether the API server has a resource of a group.
pub fn judge(granted: &BTreeSet<Right>, calls: &[Call], serves: impl Fn(&str, &str) -> bool) -> Findings {
    let mut findings = Findings::default();
    for right in granted {
        let count = calls
            .iter()
            .filter(|call| call.refusal.is_none() && right.covers(call))
            .count();
        let resource = right.resource.split('/').next().unwrap_or_default();
        let excuse = ELSEWHERE
            .iter()
            .find(|(group, name, _)| (*group, *name) == (right.group.as_str(), resource))
            .filter(|(group, name, _)| !serves(group, name));
        if count > 0 {
            findings.used.insert(right.clone(), count);
        } else if let Some((_, _, place)) = excuse {
            findings.elsewhere.insert(right.clone(), place);
        } else {
            findings.unused.insert(right.clone());
        }
    }
    let refusals = calls.iter().filter_map(|call| {
        let why = call.refusal.as_ref()?;
        Some(format!("{}: {why}", call.uri))
    });
    findings.refused = refusals.collect();
    findings
}
