//! Instances of a Service in a load balancer that somebody else made: ours are registered and deregistered, everything
//! else is left alone.
//!
//! Which of its members are ours cannot be found in the load balancer itself, which has no marks for single members. So
//! each is written into a [`Ledger`] before it is registered, and out of it after it is gone: whoever goes on after a
//! crash knows at least all of them.

use super::{Applied, BoxFuture, ProviderError};
use crate::Provider;
use gatewright_model::Str;
use gatewright_model::key::ObjectName;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// A binding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// The object that asks for it.
    pub name: Option<ObjectName>,
    /// What it is bound to: a name or an identifier of the provider.
    pub group: Str,
    /// What is to be bound; `None`: nothing any more.
    pub instances: Option<Instances>,
    /// Members that are ours, by the ledger.
    pub known: BTreeSet<Member>,
}

/// That a Service's instances are to be in a load balancer of somebody else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Membership {
    /// The object that asks for it.
    pub binding: ObjectName,
    /// The Service.
    pub service: ObjectName,
    /// What it is bound to, as in [`Binding::group`].
    pub group: Str,
}

/// Instances of a Service's port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instances {
    /// Pods.
    pub pods: BTreeSet<(IpAddr, u16)>,
    /// `providerID` of nodes that take traffic, by name.
    pub nodes: BTreeMap<Str, Str>,
    /// Port of nodes that leads to the Service.
    pub node_port: Option<u16>,
}

/// A member of a load balancer's group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// Address of a pod, or identifier of a node.
    pub id: Str,
    /// Port.
    pub port: u16,
}

/// Where members that are ours are written down.
pub trait Ledger: Send + Sync {
    /// Writes them down, in place of what was written before: all that are ours, and all that are about to be.
    ///
    /// # Errors
    /// When that did not succeed: then nothing is registered.
    fn record<'a>(
        &'a self,
        group: &'a str,
        members: &'a BTreeSet<Member>,
    ) -> BoxFuture<'a, Result<(), ProviderError>>;
}

/// What became of a binding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bound {
    /// Identifier of what it is bound to, once it is found.
    pub group: Option<Str>,
    /// Members that are ours: registered, or not deregistered yet.
    pub members: BTreeSet<Member>,
    /// Why it cannot be served as it is written: reason and message.
    pub refused: Option<(&'static str, String)>,
    /// Reading what exists, or writing the ledger, failed: nothing was tried.
    pub unread: Option<ProviderError>,
    /// Changes in the order they were tried.
    pub changes: Vec<Applied>,
}

impl Bound {
    /// The provider has no groups.
    pub fn unsupported(provider: Provider) -> Self {
        Self::refused(
            "Unsupported",
            format!("{} has nothing that could be bound", provider.title()),
        )
    }

    /// It cannot be served as it is written.
    pub fn refused(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            refused: Some((reason, message.into())),
            ..Self::default()
        }
    }
}
