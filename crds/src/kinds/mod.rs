//! The kinds of the Gateway API: groups, names, scopes, versions.

mod table;

pub use table::KINDS;

use crate::bundle::{Bundle, Channel, crd};
use serde::Deserialize;

/// Group of the stable kinds.
pub const GROUP: &str = "gateway.networking.k8s.io";

/// Group of the experimental kinds, whose names start with `X`.
pub const EXPERIMENTAL_GROUP: &str = "gateway.networking.x-k8s.io";

/// Whether objects of a kind live in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum Scope {
    /// In a namespace.
    Namespaced,
    /// In the cluster as a whole.
    Cluster,
}

/// A kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindInfo {
    /// API group.
    pub group: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// Resource name.
    pub plural: &'static str,
    /// Namespaced or cluster-wide.
    pub scope: Scope,
    /// The version whose shape our types have.
    pub version: &'static str,
}

impl KindInfo {
    /// `group/version` of our types.
    pub fn api_version(&self) -> String {
        format!("{}/{}", self.group, self.version)
    }

    /// The versions that a release serves in a channel, in the CRD's order; empty if it lacks the kind.
    pub fn served(&self, bundle: Bundle, channel: Channel) -> Vec<&'static str> {
        crd(bundle, channel, self.group, self.kind)
            .map(|crd| crd.served().collect())
            .unwrap_or_default()
    }
}

/// Looks a kind up, of the Gateway API or our own.
pub fn find(group: &str, kind: &str) -> Option<&'static KindInfo> {
    KINDS
        .iter()
        .chain(crate::own::KINDS)
        .find(|info| info.group == group && info.kind == kind)
}
