//! AWS on this machine: the APIs of load balancing by AWS's documented rules, and what they serve.

pub mod dns;
pub mod traffic;
