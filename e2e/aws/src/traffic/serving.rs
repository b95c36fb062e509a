//! What a listener serves with now.

use super::attributes::{BalancerAttributes, ListenerAttributes};
use super::config::{Arn, ClientCertificates, LatticeService};
use super::cookie::Jar;
use super::group::Group;
use super::matching::Rules;
use rustls::ServerConfig;
use std::collections::HashMap;
use std::sync::Arc;

/// A listener's configuration, ready to serve. Each request takes the one that is current when it comes and keeps it.
pub(super) struct Serving {
    pub(super) rules: Arc<Rules>,
    pub(super) front: Front,
    pub(super) balancer: BalancerAttributes,
    pub(super) listener: ListenerAttributes,
    /// What is done with client certificates.
    pub(super) clients: Option<ClientCertificates>,
    /// Whether a web ACL lets nobody through.
    pub(super) blocks: bool,
    /// The service of VPC Lattice that it is of, if it is of one.
    pub(super) lattice: Option<LatticeService>,
    pub(super) groups: HashMap<Arn, Arc<Group>>,
    pub(super) jar: Arc<Jar>,
}

/// How a listener meets its clients.
#[derive(Clone)]
pub(super) enum Front {
    /// Plain HTTP/1.1: "native support for HTTP/2 with HTTPS listeners" alone (load-balancer-listeners).
    Plain,
    /// TLS.
    Tls(Arc<ServerConfig>),
    /// It cannot, and closes connections.
    Broken,
}
