//! The whole simulator over real sockets: calls as SDKs send them, traffic as clients do.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod client;
mod restart;
mod traffic;
