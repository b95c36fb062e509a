//! A port of a load balancer: its socket and the connections on it.

use super::connection;
use super::serving::Serving;
use arc_swap::ArcSwap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Pause after an accept that failed, for example as the process has no files left.
const PAUSE: Duration = Duration::from_millis(50);

/// A port that is served.
pub(super) struct Slot {
    pub(super) at: SocketAddr,
    /// What it serves with.
    pub(super) serving: ArcSwap<Serving>,
    /// Fires when its listener is no more: nothing new is accepted, what is in flight ends.
    pub(super) closing: CancellationToken,
    /// Fires when the data plane stops.
    pub(super) stop: CancellationToken,
    /// Connections that may exist at once, of the whole data plane.
    pub(super) places: Arc<Semaphore>,
}

/// Accepts connections until the slot closes.
pub(super) async fn accept(listener: TcpListener, slot: Arc<Slot>) {
    loop {
        let accepted = tokio::select! {
            () = slot.closing.cancelled() => return,
            () = slot.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let Ok(place) = slot.places.clone().try_acquire_owned() else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        let slot = slot.clone();
        tokio::spawn(async move {
            let stop = slot.stop.clone();
            tokio::select! {
                () = connection::serve(stream, peer, slot) => {}
                () = stop.cancelled() => {}
            }
            drop(place);
        });
    }
}
