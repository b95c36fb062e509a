//! Configuration from the controller to its proxies: a gRPC stream of changes, acknowledged.
//!
//! ```text
//! controller                                       proxy
//! ConfigServer::publish  -> feed per scope  --->   client: assemble -> Sink::apply
//! ConfigServer::outcome  <- acknowledgements <---  report, last good state on disk
//! ```
//!
//! A *scope* is what one group of proxies serves: one Gateway, or all shared Gateways of a class. Its
//! *feed* holds the newest form of every part (listener, route, backend, certificate, settings) in the
//! order of change. A proxy has a position in the feed; what lies behind the position is what it still
//! has to learn. So a slow proxy costs one number, gets the newest state when it comes back, and holds
//! up nobody. See `docs/adr/0005-configuration-stream.md`.

pub mod client;
pub mod key;
pub mod part;
pub mod scope;
pub mod server;
pub mod settings;
pub mod tls;
pub mod wire;

pub use scope::Scope;
pub use settings::{GatewaySettings, Transport};
