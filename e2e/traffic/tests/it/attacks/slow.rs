//! Clients that send as slowly as they can.

use super::{MIB, against};
use anyhow::{Context, Result};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The proxy's bound on a request head (`timeouts.head`) and what a loaded machine adds to it.
const HEAD: Duration = Duration::from_secs(10 + 10);

/// Writes `start`, then one byte every 50 ms until the proxy ends the connection or `until`. Returns what
/// the proxy said, and whether it ended the connection.
async fn drip(address: SocketAddr, start: Vec<u8>, byte: u8, until: Instant) -> Result<(String, bool)> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&start).await?;
    let (mut read, mut write) = stream.split();
    let mut said = Vec::new();
    let mut buffer = [0; 1024];
    let mut every = tokio::time::interval(Duration::from_millis(50));
    loop {
        tokio::select! {
            got = read.read(&mut buffer) => match got {
                Ok(0) | Err(_) => return Ok((String::from_utf8_lossy(&said).into_owned(), true)),
                Ok(count) => said.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            },
            _ = every.tick() => {
                if Instant::now() > until {
                    return Ok((String::from_utf8_lossy(&said).into_owned(), false));
                }
                // A closed connection shows in the read.
                let _ = write.write_all(&[byte]).await;
            }
        }
    }
}

/// Slowloris: heads that never end. Each is refused with 408 when its time is up (RFC 9110
/// section 15.5.9).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_heads_are_cut_off() -> Result<()> {
    let (answers, _, _) = against("slow heads, 300 connections", 16 * MIB, |address| async move {
        let until = Instant::now() + HEAD;
        let mut all = JoinSet::new();
        for _ in 0..300 {
            let start = b"GET / HTTP/1.1\r\nhost: attack.test\r\nx-slow: ".to_vec();
            all.spawn(drip(address, start, b'a', until));
        }
        all.join_all().await.into_iter().collect::<Result<Vec<_>>>()
    })
    .await?;
    for (said, ended) in answers {
        assert!(ended, "a head may not take longer than {HEAD:?}");
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{said}");
    }
    Ok(())
}

/// Bodies that trickle in: allowed, since the client does make progress, but they cost next to nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_bodies_cost_little() -> Result<()> {
    against("slow bodies, 300 connections", 24 * MIB, |address| async move {
        let until = Instant::now() + Duration::from_secs(3);
        let mut all = JoinSet::new();
        for _ in 0..300 {
            let start = b"POST / HTTP/1.1\r\nhost: attack.test\r\ncontent-length: 1000000\r\n\r\n".to_vec();
            all.spawn(drip(address, start, b'a', until));
        }
        all.join_all().await.into_iter().collect::<Result<Vec<_>>>()
    })
    .await?;
    Ok(())
}

/// A client that connects and says nothing is cut off too, when the idle time of 75 s is up.
#[ignore = "takes 75 s"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connections_are_closed() -> Result<()> {
    let (waits, _, _) = against("silent connections, 300", 16 * MIB, |address| async move {
        let mut all = JoinSet::new();
        for _ in 0..300 {
            all.spawn(async move {
                let mut stream = TcpStream::connect(address).await?;
                let begun = Instant::now();
                let mut said = Vec::new();
                tokio::time::timeout(Duration::from_secs(75 + 15), stream.read_to_end(&mut said))
                    .await
                    .context("still open")?
                    .ok();
                anyhow::Ok(begun.elapsed())
            });
        }
        all.join_all().await.into_iter().collect::<Result<Vec<_>>>()
    })
    .await?;
    let longest = waits.into_iter().max().unwrap_or_default();
    println!("silent connections: closed after at most {longest:?}");
    Ok(())
}
