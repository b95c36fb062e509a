//! Workers, sockets, PROXY protocol, draining.

pub mod connection;
pub mod port;
pub mod proxy_protocol;
pub mod socket;
pub mod worker;
