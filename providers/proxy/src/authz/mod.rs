//! External authorization.

use crate::http::RequestHead;
use crate::policy::{CompiledExternalAuth, Verdict};
use crate::runtime::{ConnInfo, WorkerContext};
use std::rc::Rc;

/// Asks an authorization server.
pub async fn check(
    _: &CompiledExternalAuth,
    _: &mut RequestHead,
    _: &[u8],
    _: &ConnInfo,
    _: &Rc<WorkerContext>,
) -> Verdict {
    Verdict::Continue
}
