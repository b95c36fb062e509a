//! Connections that are merely there.

use super::{MIB, against};
use anyhow::{Context, Result};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How many: 1,000, or 10,000 when `GATEWRIGHT_FULL` is set; fewer where the open files of this process
/// are limited.
fn count() -> Result<usize> {
    let wanted = if std::env::var_os("GATEWRIGHT_FULL").is_some() {
        10_000
    } else {
        1_000
    };
    let limits = std::fs::read_to_string("/proc/self/limits")?;
    let soft = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<usize>().ok());
    Ok(soft.map_or(wanted, |soft| wanted.min(soft.saturating_sub(200))))
}

/// One request, its answer read, the connection kept.
async fn keep_alive(address: SocketAddr) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: attack.test\r\n\r\n")
        .await?;
    let mut answer = [0; 4096];
    let count = stream.read(&mut answer).await?;
    let answer = String::from_utf8_lossy(answer.get(..count).unwrap_or_default()).into_owned();
    anyhow::ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    Ok(stream)
}

/// Idle keep-alive connections: everybody else is served, each costs little, and each still works.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_cost_little() -> Result<()> {
    let count = count()?;
    let name = format!("{count} idle connections");
    let ((), report, _) = against(&name, count * 24 * 1024 + 16 * MIB, |address| async move {
        let mut kept = Vec::with_capacity(count);
        for _ in 0..count {
            kept.push(keep_alive(address).await.context("a connection was not served")?);
        }
        // The first and the last one are still good.
        let last = kept.len() - 1;
        for index in [0, last] {
            let stream = kept.get_mut(index).context("no connections")?;
            stream
                .write_all(b"GET / HTTP/1.1\r\nhost: attack.test\r\n\r\n")
                .await?;
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).await?;
            anyhow::ensure!(&answer == b"HTTP/1.1 200", "{answer:?}");
        }
        Ok(())
    })
    .await?;
    println!("{} bytes a connection", report.growth() / count.max(1));
    Ok(())
}
