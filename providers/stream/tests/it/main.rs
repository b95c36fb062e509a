//! Server and client over real TLS on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod access;
mod fan_out;
mod harness;
mod relay;
mod stream;
mod survival;
