//! The bundled proxy: the data plane of the `gatewright.dev/software` classes and of the
//! standalone mode.
//!
//! One thread per worker, each with its own single-threaded runtime, its own sockets
//! (`SO_REUSEPORT`), connection pools and metrics. Nothing on the path of a request takes a lock
//! that another worker may hold. Configuration is an immutable snapshot per port, swapped
//! atomically ([`runtime::HttpPort`]).
//!
//! ```text
//! listen -> (tls) -> http -> policy -> balance -> http::upstream -> backend
//!        \-> stream (TCP, TLS passthrough, UDP)
//! ```
//!
//! [`runtime`] holds the types that these parts share.

pub mod authz;
pub mod balance;
pub mod config;
pub mod dns;
#[doc(hidden)]
pub mod fuzz;
pub mod h1;
pub mod http;
mod http2;
pub mod listen;
pub mod observe;
pub mod policy;
pub mod runtime;
pub mod stream;
pub mod tls;
