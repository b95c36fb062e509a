//! AWS by its SDK.
//!
//! [`Connector`] makes an [`Account`] of settings: credentials and endpoints by the SDK's own chain, one limiter for
//! each account and region, timeouts and retries set. Load balancers, certificates and tags are reached by the SDK's
//! crates; EC2, S3, AWS WAF, AWS Shield and Service Quotas by small clients of our own on the SDK's parts ([`ec2`], [`s3`], [`waf`], [`shield`], [`quotas`]), because EC2's
//! crate costs gigabytes of memory to compile for a dozen calls. Every call that is made is in [`calls::ALL`]; a
//! call that is not listed there is refused before it is sent.

pub mod calls;
mod cloud;
mod connect;
pub mod ec2;
mod error;
mod lattice;
pub mod limiter;
pub mod quotas;
pub mod s3;
pub mod shield;
mod tape;
mod transport;
pub mod waf;
mod wire;

pub use connect::{Account, AssumeRole, ConnectError, Connector, Identity, Settings, Timing};
pub use error::kind_of_code;
pub use tape::{Tape, TapeError};
pub use transport::{Attempt, AttemptOutcome, Observer};
pub use wire::endpoint::EndpointError;

#[cfg(test)]
mod testing;
