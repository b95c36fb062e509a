//! The parts of a configuration, and how they are encoded.
//!
//! A part is CBOR (RFC 8949) of its type in `gatewright-model`: structures are maps by field name, so
//! that a reader ignores fields it does not know and takes defaults for fields that are left out.

use crate::key::PartKey;
use crate::settings::GatewaySettings;
use bytes::Bytes;
use gatewright_model::backend::Backend;
use gatewright_model::balancer::{AddressRequest, Infrastructure};
use gatewright_model::certificate::Certificate;
use gatewright_model::key::{CertificateKey, ObjectName, RouteKey, RouteKind};
use gatewright_model::listener::Listener;
use gatewright_model::route::{HttpRoute, StreamRoute};
use gatewright_model::share::{Pool, Share};
use gatewright_model::telemetry::Tracing;
use gatewright_model::{LoadBalancer, Str};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use thiserror::Error;

/// Most bytes of one encoded part. A Secret holds at most 1 MiB; a backend of 5,000 endpoints takes
/// about 0.7 MiB.
pub const MAX_PART: usize = 8 * 1024 * 1024;

/// Everything of a load balancer outside of its maps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// [`LoadBalancer::class`].
    pub class: Str,
    /// [`LoadBalancer::controller`].
    pub controller: Str,
    /// [`LoadBalancer::addresses`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<AddressRequest>,
    /// [`LoadBalancer::infrastructure`].
    #[serde(default)]
    pub infrastructure: Infrastructure,
    /// [`LoadBalancer::backend_client_certificate`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_client_certificate: Option<CertificateKey>,
    /// [`LoadBalancer::tracing`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracing: Option<Arc<Tracing>>,
}

impl Head {
    /// The head of a load balancer.
    pub fn of(balancer: &LoadBalancer) -> Self {
        Self {
            class: balancer.class.clone(),
            controller: balancer.controller.clone(),
            addresses: balancer.addresses.clone(),
            infrastructure: balancer.infrastructure.clone(),
            backend_client_certificate: balancer.backend_client_certificate.clone(),
            tracing: balancer.tracing.clone(),
        }
    }

    /// A load balancer with this head and nothing else.
    pub fn balancer(self, gateway: ObjectName) -> LoadBalancer {
        LoadBalancer {
            gateway,
            class: self.class,
            controller: self.controller,
            addresses: self.addresses,
            infrastructure: self.infrastructure,
            listeners: BTreeMap::new(),
            http_routes: BTreeMap::new(),
            stream_routes: BTreeMap::new(),
            backends: BTreeMap::new(),
            certificates: BTreeMap::new(),
            backend_client_certificate: self.backend_client_certificate,
            tracing: self.tracing,
        }
    }

    /// Replaces the head of a load balancer.
    pub fn put(self, balancer: &mut LoadBalancer) {
        balancer.class = self.class;
        balancer.controller = self.controller;
        balancer.addresses = self.addresses;
        balancer.infrastructure = self.infrastructure;
        balancer.backend_client_certificate = self.backend_client_certificate;
        balancer.tracing = self.tracing;
    }
}

/// The content of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// See [`Head`].
    Head(Box<Head>),
    /// See [`GatewaySettings`].
    Settings(Arc<GatewaySettings>),
    /// A listener.
    Listener(Arc<Listener>),
    /// An HTTPRoute or GRPCRoute.
    HttpRoute(Arc<HttpRoute>),
    /// A TLSRoute, TCPRoute or UDPRoute.
    StreamRoute(Arc<StreamRoute>),
    /// A backend.
    Backend(Arc<Backend>),
    /// A certificate with its private key.
    Certificate(Arc<Certificate>),
}

/// A part cannot be encoded or decoded. Never holds a byte of the part.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PartError {
    /// Too large.
    #[error("the object takes {0} bytes when encoded; accepted are up to {MAX_PART}")]
    Size(usize),
    /// The encoder failed.
    #[error("the object cannot be encoded: {0}")]
    Encode(String),
    /// The payload is not what its identity says.
    #[error("the object cannot be read: {0}")]
    Decode(String),
    /// The payload holds another object than its identity says.
    #[error("the object's own identity differs from the one it was sent under")]
    Identity,
}

impl Content {
    /// Its identity.
    pub fn key(&self) -> PartKey {
        match self {
            Self::Head(_) => PartKey::Head,
            Self::Settings(_) => PartKey::Settings,
            Self::Listener(part) => PartKey::Listener(part.key.clone()),
            Self::HttpRoute(part) => PartKey::Route(part.key.clone()),
            Self::StreamRoute(part) => PartKey::Route(part.key.clone()),
            Self::Backend(part) => PartKey::Backend(part.key.clone()),
            Self::Certificate(part) => PartKey::Certificate(part.key.clone()),
        }
    }

    /// Makes it hold the texts that a pool has already. Only what nobody else holds yet is changed.
    pub fn share(&mut self, pool: &mut Pool) {
        fn share<T: Share>(part: &mut Arc<T>, pool: &mut Pool) {
            if let Some(part) = Arc::get_mut(part) {
                pool.share(part);
            }
        }
        match self {
            Self::Listener(part) => share(part, pool),
            Self::HttpRoute(part) => share(part, pool),
            Self::StreamRoute(part) => share(part, pool),
            Self::Backend(part) => share(part, pool),
            Self::Head(_) | Self::Settings(_) | Self::Certificate(_) => {}
        }
    }

    /// Encodes it.
    pub fn encode(&self) -> Result<Bytes, PartError> {
        let bytes = match self {
            Self::Head(part) => cbor(part),
            Self::Settings(part) => cbor(part),
            Self::Listener(part) => cbor(part),
            Self::HttpRoute(part) => cbor(part),
            Self::StreamRoute(part) => cbor(part),
            Self::Backend(part) => cbor(part),
            Self::Certificate(part) => cbor(part),
        }?;
        if bytes.len() > MAX_PART {
            return Err(PartError::Size(bytes.len()));
        }
        Ok(bytes.into())
    }

    /// Decodes the payload of the part `key`. Bounded by the payload's own length: nothing is allocated
    /// for counts that the payload merely claims, and unknown content is skipped without recursion.
    pub fn decode(key: &PartKey, payload: &[u8]) -> Result<Self, PartError> {
        if payload.len() > MAX_PART {
            return Err(PartError::Size(payload.len()));
        }
        let content = match key {
            PartKey::Head => Self::Head(read(payload)?),
            // What a decoder says may quote what it found.
            PartKey::Settings => Self::Settings(
                read(payload).map_err(|_| PartError::Decode("not the settings of a Gateway".to_owned()))?,
            ),
            PartKey::Listener(_) => Self::Listener(read(payload)?),
            PartKey::Route(RouteKey {
                kind: RouteKind::Http | RouteKind::Grpc,
                ..
            }) => Self::HttpRoute(read(payload)?),
            PartKey::Route(_) => Self::StreamRoute(read(payload)?),
            PartKey::Backend(_) => Self::Backend(read(payload)?),
            PartKey::Certificate(_) => Self::Certificate(
                read(payload).map_err(|_| PartError::Decode("not a certificate with its key".to_owned()))?,
            ),
        };
        if content.key() == *key {
            Ok(content)
        } else {
            Err(PartError::Identity)
        }
    }
}

fn cbor<T: Serialize>(value: &T) -> Result<Vec<u8>, PartError> {
    minicbor_serde::to_vec(value).map_err(|error| PartError::Encode(error.to_string()))
}

fn read<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, PartError> {
    let mut reader = minicbor_serde::Deserializer::new(payload);
    let value = T::deserialize(&mut reader).map_err(|error| PartError::Decode(told(&error.to_string())))?;
    if reader.decoder().position() != payload.len() {
        return Err(PartError::Decode("bytes follow behind it".to_owned()));
    }
    Ok(value)
}

/// An error's text, cut: it may quote what the other side wrote.
fn told(text: &str) -> String {
    text.chars().take(256).collect()
}

/// A part as the controller holds it: encoded when it is first sent, then shared by all proxies.
#[derive(Debug)]
pub struct Part {
    /// Identity.
    pub key: PartKey,
    content: Content,
    payload: OnceLock<Result<Bytes, PartError>>,
}

impl Part {
    /// Nothing is encoded yet.
    pub fn new(content: Content) -> Arc<Self> {
        Arc::new(Self {
            key: content.key(),
            content,
            payload: OnceLock::new(),
        })
    }

    /// The content.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// The encoded form.
    pub fn payload(&self) -> Result<Bytes, PartError> {
        self.payload.get_or_init(|| self.content.encode()).clone()
    }
}

/// Identifies the content of a whole configuration: both sides compute it over what they hold, so that
/// a controller that was restarted need not send again what a proxy has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    parts: BTreeMap<[u8; 16], Known>,
    bytes: usize,
}

/// One part of [`Digests`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    hash: [u8; 16],
    bytes: usize,
}

impl Known {
    fn of(payload: &[u8]) -> Self {
        Self {
            hash: half(Sha256::digest(payload).into()),
            bytes: payload.len(),
        }
    }
}

impl Digests {
    /// Notes the newest form of a part.
    pub fn put(&mut self, gateway: &ObjectName, key: &PartKey, payload: &[u8]) {
        let known = Known::of(payload);
        self.bytes += known.bytes;
        if let Some(former) = self.parts.insert(identity(gateway, key), known) {
            self.bytes = self.bytes.saturating_sub(former.bytes);
        }
    }

    /// Whether the part is known in exactly this form.
    pub fn has(&self, gateway: &ObjectName, key: &PartKey, payload: &[u8]) -> bool {
        self.parts.get(&identity(gateway, key)) == Some(&Known::of(payload))
    }

    /// Forgets a part.
    pub fn remove(&mut self, gateway: &ObjectName, key: &PartKey) {
        if let Some(former) = self.parts.remove(&identity(gateway, key)) {
            self.bytes = self.bytes.saturating_sub(former.bytes);
        }
    }

    /// SHA-256 over all parts in order of their identity.
    pub fn total(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for (key, known) in &self.parts {
            hash.update(key);
            hash.update(known.hash);
        }
        hash.finalize().into()
    }

    /// Number of parts.
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Bytes of all parts in their encoded form.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

fn identity(gateway: &ObjectName, key: &PartKey) -> [u8; 16] {
    let mut hash = Sha256::new();
    // No name holds a NUL.
    for text in [&*gateway.namespace, "\0", &*gateway.name, "\0", &key.to_string()] {
        hash.update(text);
    }
    half(hash.finalize().into())
}

fn half(hash: [u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    half
}
