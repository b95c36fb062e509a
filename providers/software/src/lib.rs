//! The software provider: load balancers served by the bundled proxy.
