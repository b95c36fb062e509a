//! Serving manifests without a cluster: files in, traffic out, statuses told.

pub mod place;
pub mod sample;
pub mod watch;
