//! Server configurations of terminating listeners.

use crate::tls::certificates::{CertificateSet, SnapshotResolver};
use crate::tls::client_auth::ClientAuth;
use arc_swap::ArcSwap;
use gatewright_model::Str;
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;

/// Key of `tls.options` that sets the lowest TLS version: `1.2` (default) or `1.3`.
pub const OPTION_MIN_VERSION: &str = "gatewright.dev/min-tls-version";

/// Why a listener's TLS settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ServerTlsError {
    /// An option has a value that is not accepted.
    #[error("tls.options[{option}]: found {found:?}, accepted are {accepted}")]
    Option {
        /// Name of the option.
        option: &'static str,
        /// Its value.
        found: String,
        /// Accepted values.
        accepted: &'static str,
    },
    /// rustls refuses the combination.
    #[error("tls: {0}")]
    Rustls(String),
    /// Session tickets cannot be made.
    #[error("tls: no session tickets: {0}")]
    Tickets(String),
}

/// What is spoken inside the TLS session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Inside {
    /// HTTP: `h2` and `http/1.1` are offered.
    Http,
    /// Bytes for a backend: no protocol is negotiated.
    Stream,
}

/// Makes server configurations and keeps the ticket keys that they share.
///
/// Sessions are resumed only among listeners with the same client validation: a ticket from a
/// listener that asks for no certificate must not open one that does.
#[derive(Debug, Default)]
pub struct ServerConfigs {
    tickets: Mutex<HashMap<[u8; 32], Arc<dyn ProducesTickets>>>,
}

impl ServerConfigs {
    /// A configuration that reads its certificates from `certificates` at every handshake.
    pub fn build(
        &self,
        certificates: &Arc<ArcSwap<CertificateSet>>,
        client_auth: Option<&ClientAuth>,
        options: &BTreeMap<Str, Str>,
        inside: Inside,
    ) -> Result<Arc<ServerConfig>, ServerTlsError> {
        let builder = ServerConfig::builder_with_provider(Arc::clone(super::provider()))
            .with_protocol_versions(versions(options)?)
            .map_err(|error| ServerTlsError::Rustls(error.to_string()))?;
        let builder = match client_auth {
            None => builder.with_no_client_auth(),
            Some(auth) => builder.with_client_cert_verifier(Arc::clone(&auth.verifier)),
        };
        let mut config = builder.with_cert_resolver(Arc::new(SnapshotResolver(Arc::clone(certificates))));
        config.alpn_protocols = match inside {
            Inside::Http => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Inside::Stream => Vec::new(),
        };
        // Stateless tickets only: resumption costs no memory per client.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = self.ticketer(client_auth.map_or([0; 32], |auth| auth.identity))?;
        config.send_tls13_tickets = 1;
        // A session's certificates and fragments bound what one handshake may hold.
        config.max_early_data_size = 0;
        Ok(Arc::new(config))
    }

    /// Ticket keys rotate every six hours and are valid for twelve (rustls `Ticketer`).
    fn ticketer(&self, identity: [u8; 32]) -> Result<Arc<dyn ProducesTickets>, ServerTlsError> {
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ticketer) = tickets.get(&identity) {
            return Ok(Arc::clone(ticketer));
        }
        let ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()
            .map_err(|error| ServerTlsError::Tickets(error.to_string()))?;
        tickets.insert(identity, Arc::clone(&ticketer));
        Ok(ticketer)
    }

    /// Forgets ticket keys of validation settings that no listener has any more.
    pub fn retain(&self, used: impl Fn(&[u8; 32]) -> bool) {
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        tickets.retain(|identity, _| *identity == [0; 32] || used(identity));
    }
}

fn versions(
    options: &BTreeMap<Str, Str>,
) -> Result<&'static [&'static SupportedProtocolVersion], ServerTlsError> {
    const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
    const NEWEST: &[&SupportedProtocolVersion] = &[&TLS13];
    match options.get(OPTION_MIN_VERSION).map(|value| &**value) {
        None | Some("1.2") => Ok(BOTH),
        Some("1.3") => Ok(NEWEST),
        Some(other) => Err(ServerTlsError::Option {
            option: OPTION_MIN_VERSION,
            found: other.to_owned(),
            accepted: "1.2 and 1.3",
        }),
    }
}
