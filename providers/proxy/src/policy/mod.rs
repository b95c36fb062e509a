//! What filters and policies do to a request.
//!
//! Everything is compiled when a configuration is built; executing a filter parses nothing and
//! allocates only what it adds to the message. Randomness and time come in through arguments
//! wherever a decision depends on them, with a thin wrapper for production.
//!
//! The order for one request: [`forward::apply`] (before routing, so that nobody matches routes by
//! headers that he made up), [`FilterChain::preflight`], external authorization,
//! [`FilterChain::request`] of the rule and then of the chosen backend reference. Responses pass
//! [`FilterChain::response`] of the backend reference, then of the rule.

pub(crate) mod chain;
pub mod cors;
pub mod forward;
mod headers;
pub mod hop;
pub mod mirror;
mod path;
mod redirect;
mod retry;
mod rewrite;
pub mod session;

pub use crate::authz::CompiledExternalAuth;
pub use chain::{FilterChain, FilterContext, FilterState, ListenerFilters, Verdict};
pub use headers::CompiledHeaders;
pub use mirror::CompiledMirror;
pub use path::CompiledPath;
pub use redirect::CompiledRedirect;
pub use retry::{BudgetState, RetryPolicy, UpstreamFailure};
pub use rewrite::CompiledRewrite;
pub use session::{SessionKey, SessionPolicy, SessionToken};
