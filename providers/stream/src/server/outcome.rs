//! What became of a Gateway's configuration.

use gatewright_model::Str;
use gatewright_model::key::{ListenerKey, ObjectName};
use std::collections::BTreeMap;
use std::fmt;

/// A state of the published configuration. Later states compare greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Revision(pub u64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the proxies of a Gateway made of it.
///
/// A proxy is *ready* when it serves a configuration, is connected, and has acknowledged what it was
/// sent within [`super::ServerOptions::silence`]. One that lost its connection counts as ready for that
/// long only when no other is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayOutcome {
    /// The Gateway.
    pub gateway: ObjectName,
    /// Its newest published revision.
    pub revision: Revision,
    /// Every ready proxy has this revision, or a later one, in use; `None`: no proxy is ready.
    pub acked: Option<Revision>,
    /// Ready proxies.
    pub ready: usize,
    /// Of these, proxies that have not yet acknowledged `revision`.
    pub waiting: usize,
    /// Connected proxies that are not ready: starting, or silent for too long.
    pub unready: usize,
    /// Listeners that a ready proxy could not serve, by what the first of these proxies said.
    pub listeners: BTreeMap<ListenerKey, ListenerFault>,
    /// Objects that a ready proxy could not use, by what the first of these proxies said; as
    /// `Kind namespace/name`, or the way [`crate::key::PartKey`] prints.
    pub refused: BTreeMap<Str, Str>,
}

impl GatewayOutcome {
    /// Whether all ready proxies, at least one, have the newest revision in use.
    pub fn is_current(&self) -> bool {
        self.acked.is_some_and(|acked| acked >= self.revision)
    }

    /// Whether all ready proxies, at least one, have a revision in use: what was published in it, or
    /// something newer.
    pub fn has(&self, revision: Revision) -> bool {
        self.acked.is_some_and(|acked| acked >= revision)
    }
}

/// Why a listener does not serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerFault {
    /// For programs.
    pub reason: Str,
    /// For people.
    pub message: Str,
    /// On how many ready proxies.
    pub proxies: usize,
}
