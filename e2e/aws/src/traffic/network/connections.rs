//! TCP, and TLS that ends here.

use super::groups::{Group, Target};
use super::proxy::{self, Carries};
use super::{Front, Serving, Slot, hello, source};
use crate::traffic::health::State;
use crate::traffic::idle::{Activity, IdleStream};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// Pause after an accept that failed.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a handshake or a connection to a target may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a connection that is passed through lasts at most (vpc-lattice/latest/ug/tls-listeners.html).
const LONGEST: Duration = Duration::from_secs(600);

/// How often the health of a connection's target is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Accepts connections until the slot closes.
pub(super) async fn accept(listener: TcpListener, slot: Arc<Slot>) {
    loop {
        let accepted = tokio::select! {
            () = slot.closing.cancelled() => return,
            () = slot.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            sleep(PAUSE).await;
            continue;
        };
        let Ok(place) = slot.places.clone().try_acquire_owned() else {
            reset(stream);
            continue;
        };
        let _ = stream.set_nodelay(true);
        let slot = slot.clone();
        tokio::spawn(async move {
            let stop = slot.stop.clone();
            tokio::select! {
                () = serve(stream, peer, &slot) => {}
                () = stop.cancelled() => {}
            }
            drop(place);
        });
    }
}

/// Ends a connection with a reset, as a load balancer that has no target for it.
fn reset(stream: TcpStream) {
    let _ = stream.set_zero_linger();
}

async fn serve(mut stream: TcpStream, peer: SocketAddr, slot: &Slot) {
    let serving = slot.serving.load_full();
    let group = serving.draw(peer.ip(), fastrand::u64(..)).cloned();
    let target = group
        .as_ref()
        .and_then(|group| group.pick(peer.ip(), fastrand::u64(..)));
    let (Some(group), Some(target)) = (group, target) else {
        reset(stream);
        return;
    };
    match &serving.front {
        Front::Broken => reset(stream),
        Front::Plain => {
            let Some(upstream) = upstream(&group, &target, peer, slot.at).await else {
                reset(stream);
                return;
            };
            relay(stream, upstream, (&serving, &group, &target)).await;
        }
        Front::Named(domain) => {
            let Some((name, said)) = hello::server_name(&mut stream).await else {
                return;
            };
            if name != *domain {
                reset(stream);
                return;
            }
            let Some(mut upstream) = upstream(&group, &target, peer, slot.at).await else {
                reset(stream);
                return;
            };
            if upstream.write_all(&said).await.is_ok() {
                let relayed = relay(stream, upstream, (&serving, &group, &target));
                let _ = timeout(LONGEST, relayed).await;
            }
        }
        Front::Tls(config) => {
            let accepted = TlsAcceptor::from(config.clone()).accept(stream);
            let Ok(Ok(secure)) = timeout(PATIENCE, accepted).await else {
                return;
            };
            let Some(upstream) = upstream(&group, &target, peer, slot.at).await else {
                return;
            };
            relay(secure, upstream, (&serving, &group, &target)).await;
        }
    }
}

async fn upstream(group: &Group, target: &Target, peer: SocketAddr, at: SocketAddr) -> Option<TcpStream> {
    let connecting = source::connect(group, (peer.ip(), at.ip()), target.at);
    let mut stream = timeout(PATIENCE, connecting).await.ok()?.ok()?;
    let _ = stream.set_nodelay(true);
    if group.proxy {
        stream
            .write_all(&proxy::header(peer, at, Carries::Stream))
            .await
            .ok()?;
    }
    Some(stream)
}

/// Passes bytes on until either side ends, the connection is idle for too long, or its target may not serve it any more.
async fn relay<S>(client: S, upstream: TcpStream, (serving, group, target): (&Serving, &Group, &Target))
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let activity = Activity::new();
    let mut client = IdleStream::new(client, activity.clone(), serving.idle);
    let mut upstream = IdleStream::new(upstream, activity, serving.idle);
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut upstream) => {}
        () = target.gone.cancelled() => {}
        () = unhealthy(target), if group.ends_unhealthy => {}
    }
}

/// Ready when a target that was not unhealthy is.
async fn unhealthy(target: &Target) {
    let mut before = target.state();
    loop {
        sleep(LOOK).await;
        let now = target.state();
        if now == State::Unhealthy && before != State::Unhealthy {
            return;
        }
        before = now;
    }
}
