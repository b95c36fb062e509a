//! Tests of the crate as a whole: from manifests to what is wanted on AWS.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::format_collect
)]

mod accepted;
mod agreement;
mod differences;
mod fit;
mod goldens;
mod lattice;
mod wire;
