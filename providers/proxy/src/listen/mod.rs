//! Workers, sockets, PROXY protocol, draining.

pub mod bindings;
pub mod connection;
pub mod port;
mod proxy;
pub mod proxy_protocol;
pub mod socket;
pub mod worker;

pub use proxy::{Proxy, StartError};
