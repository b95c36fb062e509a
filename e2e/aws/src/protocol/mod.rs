//! AWS's wire protocols, driven by the service models.
//!
//! - `query` (ELBv2, STS) and `ec2`: forms in, XML out,
//!   <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html> and
//!   <https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html>.
//! - `json` 1.0 and 1.1 (ACM, tagging, quotas), <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>.
//! - `rest-json` (VPC Lattice), <https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html>.
//! - `smithy-rpc-v2-cbor` (tagging, beside JSON),
//!   <https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>.

pub mod cbor;
pub mod check;
pub mod form;
pub mod json;
pub mod model;
pub mod object;
pub mod rest;
pub mod scope;
pub mod signature;
pub mod time;
pub mod xml;

#[cfg(test)]
mod tests;
