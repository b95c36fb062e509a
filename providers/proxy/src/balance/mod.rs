//! Which endpoint takes a request.

/// Passive health of an endpoint.
#[derive(Debug, Default)]
pub struct Health {}
