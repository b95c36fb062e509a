//! Workers, sockets, PROXY protocol, draining.

pub mod proxy_protocol;
