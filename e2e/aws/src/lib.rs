//! AWS on this machine, as far as load balancing needs it: a server that speaks AWS's wire protocols to unmodified
//! SDKs, follows AWS's documented rules, and serves the traffic of the load balancers that are made on it.
//!
//! It is written from AWS's documentation alone and depends on no other crate of this repository, so that the
//! product and its judge cannot share an error.

pub mod acm;
pub mod admin;
pub mod calls;
pub mod clock;
pub mod dispatch;
pub mod dns;
pub mod ec2;
pub mod elb;
pub mod error;
pub mod faults;
pub mod history;
pub mod iam;
pub mod input;
pub mod keep;
pub mod lattice;
pub mod protocol;
pub mod publish;
pub mod quotas;
pub mod run;
pub mod s3;
pub mod server;
pub mod service;
pub mod services;
pub mod shield;
pub mod state;
pub mod sts;
pub mod tagging;
pub mod traffic;
pub mod waf;
