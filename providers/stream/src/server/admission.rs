//! Who may connect, and what for.

use crate::scope::Scope;
use futures_util::future::BoxFuture;
use thiserror::Error;

/// A proxy that showed a valid token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// For logs and for [`Admission::authorize`], for example
    /// `system:serviceaccount:NAMESPACE:NAME`.
    pub name: String,
    /// The pod that the token is bound to, when it is bound to one; else the proxy's own word counts.
    pub instance: Option<String>,
}

/// A token was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Denied {
    /// The token is not valid here: the reason, without the token.
    #[error("the token is refused: {0}")]
    Token(String),
    /// It could not be checked now.
    #[error("the token cannot be checked now: {0}")]
    Unavailable(String),
}

/// Decides who may connect and what they receive.
pub trait Admission: Send + Sync + 'static {
    /// Checks a bearer token. Called once per connection, by a bounded number of connections at a time,
    /// and given up after [`super::ServerOptions::admission`].
    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Identity, Denied>>;

    /// Whether that proxy may receive everything that is published for `scope`, private keys included.
    fn authorize(&self, identity: &Identity, scope: &Scope) -> bool;
}
