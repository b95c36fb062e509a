//! HTTP: serving connections, the pipeline of a request, and upstream connections.

mod head;
mod headers;
pub mod upstream;

pub use head::{LocalResponse, RequestHead, ResponseHead, Scheme, Version};
pub use headers::{Headers, InvalidField};

use crate::runtime::{ConnInfo, DrainWatch, PortHandle, WorkerContext};
use std::rc::Rc;
use tokio::io::{AsyncRead, AsyncWrite};

/// Serves one downstream connection until it closes: HTTP/1.x or HTTP/2, as
/// [`ConnInfo::protocol`] says.
///
/// The listener manager runs it with `spawn_local` for plain and for TLS streams. It finishes by
/// itself when the peer goes, a timeout fires, or `drain` says so: requests in flight are finished
/// in phase `Draining`, nothing is awaited in phase `Closing`.
pub async fn serve_connection<IO>(
    io: IO,
    conn: ConnInfo,
    port: Rc<PortHandle>,
    worker: Rc<WorkerContext>,
    drain: DrainWatch,
) where
    IO: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let _ = (io, conn, port, worker, drain);
}
