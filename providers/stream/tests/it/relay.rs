//! A TCP relay between proxy and controller that counts, stalls and cuts.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards connections to a controller.
pub struct Relay {
    pub address: SocketAddr,
    /// Bytes from the controller to proxies.
    down: Arc<AtomicU64>,
    /// Connections accepted.
    pub accepted: Arc<AtomicU64>,
    stalled: watch::Sender<bool>,
    cut: watch::Sender<u64>,
}

impl Relay {
    pub async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let relay = Self {
            address: listener.local_addr().unwrap(),
            down: Arc::default(),
            accepted: Arc::default(),
            stalled: watch::Sender::new(false),
            cut: watch::Sender::new(0),
        };
        let (down, accepted) = (Arc::clone(&relay.down), Arc::clone(&relay.accepted));
        let (stalled, cut) = (relay.stalled.subscribe(), relay.cut.subscribe());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                accepted.fetch_add(1, Ordering::SeqCst);
                let (down, stalled, mut cut) = (Arc::clone(&down), stalled.clone(), cut.clone());
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(to).await else {
                        return;
                    };
                    cut.mark_unchanged();
                    let (client_in, client_out) = client.into_split();
                    let (server_in, server_out) = server.into_split();
                    let up = AtomicU64::new(0);
                    tokio::select! {
                        () = copy(client_in, server_out, &up, stalled.clone()) => {}
                        () = copy(server_in, client_out, &down, stalled) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        relay
    }

    pub fn down(&self) -> u64 {
        self.down.load(Ordering::SeqCst)
    }

    pub fn stall(&self, stalled: bool) {
        self.stalled.send_replace(stalled);
    }

    pub fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }
}

async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    count: &AtomicU64,
    mut stalled: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        if stalled.wait_for(|stalled| !*stalled).await.is_err() {
            return;
        }
        let Ok(length @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        if stalled.wait_for(|stalled| !*stalled).await.is_err() {
            return;
        }
        count.fetch_add(length as u64, Ordering::SeqCst);
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
