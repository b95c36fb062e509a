//! External authorization.

use crate::http::RequestHead;
use crate::policy::Verdict;
use crate::runtime::{BackendRuntime, ConnInfo, WorkerContext};
use gatewright_model::filter::ExternalAuth;
use std::rc::Rc;
use std::sync::Arc;

/// An external authorization filter, ready to execute.
#[derive(Debug)]
pub struct CompiledExternalAuth {
    /// The authorization server; `None`: the reference is invalid and every request is refused.
    pub backend: Option<Arc<BackendRuntime>>,
    body_limit: usize,
}

impl CompiledExternalAuth {
    /// Compiles a filter.
    pub fn compile(auth: &ExternalAuth, backend: Option<Arc<BackendRuntime>>) -> Self {
        Self {
            backend,
            body_limit: auth.forward_body_limit as usize,
        }
    }

    /// How much of the request body is sent along, in bytes; 0 sends none.
    pub fn body_limit(&self) -> usize {
        self.body_limit
    }
}

/// Asks an authorization server.
pub async fn check(
    auth: &CompiledExternalAuth,
    _: &mut RequestHead,
    _: &[u8],
    _: &ConnInfo,
    _: &Rc<WorkerContext>,
) -> Verdict {
    // Fails closed.
    let _ = auth;
    Verdict::Respond(crate::http::LocalResponse::empty(http::StatusCode::FORBIDDEN))
}
