//! Workers, sockets, PROXY protocol, draining.
