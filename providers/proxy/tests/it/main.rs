#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]
//! Traffic through the proxy over real sockets on loopback.

mod filters;
mod http1;
mod http2;
mod net;
mod retries;
mod smuggling;
mod smuggling_cases;
mod support;
