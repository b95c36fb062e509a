//! What filters and policies do to a request.

/// Filters of a rule or of a backend reference, compiled.
#[derive(Debug, Default)]
pub struct FilterChain {}

/// Filters of a listener, compiled.
#[derive(Debug, Default)]
pub struct ListenerFilters {}

/// Retries by policy.
#[derive(Debug)]
pub struct RetryPolicy {}

/// Session persistence.
#[derive(Debug)]
pub struct SessionPolicy {}
