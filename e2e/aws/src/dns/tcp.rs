//! DNS by TCP (RFC 1035, section 4.2.2): messages with their length before them.

use super::answer::{Transport, answer};
use crate::traffic::Config;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Connections at once.
const CONNECTIONS: usize = 64;

/// How long a connection may be silent.
const SILENCE: Duration = Duration::from_secs(10);

pub(super) async fn serve(listener: TcpListener, config: watch::Receiver<Arc<Config>>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    // Those that are served end with this task.
    let mut served = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        while served.try_join_next().is_some() {}
        let Ok(place) = places.clone().try_acquire_owned() else {
            continue;
        };
        let config = config.clone();
        served.spawn(async move {
            let _ = converse(stream, config).await;
            drop(place);
        });
    }
}

async fn converse(mut stream: TcpStream, config: watch::Receiver<Arc<Config>>) -> std::io::Result<()> {
    loop {
        let length = timeout(SILENCE, stream.read_u16()).await??;
        let mut question = vec![0; usize::from(length)];
        timeout(SILENCE, stream.read_exact(&mut question)).await??;
        let current = config.borrow().clone();
        let Some(answer) = answer(&question, &current, Transport::Tcp) else {
            return Ok(());
        };
        let Ok(length) = u16::try_from(answer.len()) else {
            return Ok(());
        };
        timeout(SILENCE, async {
            stream.write_u16(length).await?;
            stream.write_all(&answer).await
        })
        .await??;
    }
}
