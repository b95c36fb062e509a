//! What is tested against a real Kubernetes cluster.
//!
//! Everything here talks to the cluster that `KUBECONFIG` names, from inside its network: `cargo xtask replay` and
//! `cargo xtask scenarios` start one and run these programs and tests in it.

// JSON values are indexed: what is not there is null.
#![allow(clippy::indexing_slicing)]

pub mod api;
pub mod aws;
pub mod http;
pub mod replay;
pub mod rights;
pub mod tls;
pub mod world;
