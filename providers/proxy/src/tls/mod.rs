//! Server and upstream TLS (rustls, aws-lc-rs).

pub mod certificates;
pub mod client_auth;
pub mod client_hello;
pub mod replay;
pub mod server;
pub mod upstream;
pub mod verify;

use rustls::crypto::CryptoProvider;
use std::sync::{Arc, OnceLock};

/// The cryptography that both sides use. One shared instance: configurations compare it by pointer.
pub fn provider() -> &'static Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
}
