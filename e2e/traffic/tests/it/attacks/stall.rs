//! Clients that ask for much and take nothing: what they don't read must not pile up in the proxy.

use super::{MIB, against};
use anyhow::Result;
use gatewright_traffic::bystander::BIG;
use gatewright_traffic::raw::{Attacker, flag, frame, kind, request_block};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// How long the stalled answers are left alone: long enough for an unbounded buffer to fill.
const HELD: Duration = Duration::from_secs(3);

/// HTTP/2: 10 connections with 100 streams each, every one asking for 8 MiB with a window of 0
/// (`SETTINGS_INITIAL_WINDOW_SIZE`, RFC 9113 section 6.9.2). 8 GiB if it were buffered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_windows_hold_answers_back() -> Result<()> {
    against("window stall, 1,000 streams", 160 * MIB, |address| async move {
        let mut stalled = Vec::new();
        for _ in 0..10 {
            let mut attacker = Attacker::connect(address, &[(4, 0)]).await?;
            let block = request_block(false, "/big");
            let requests = (0..100u32).map(|index| {
                frame(
                    kind::HEADERS,
                    flag::END_STREAM | flag::END_HEADERS,
                    2 * index + 1,
                    &block,
                )
            });
            attacker.flood(requests, Duration::from_secs(2)).await;
            stalled.push(attacker);
        }
        tokio::time::sleep(HELD).await;
        let mut data = 0;
        for attacker in stalled {
            data += attacker.finish(Duration::ZERO).await?.data;
        }
        assert_eq!(data, 0, "no window, no data");
        Ok(())
    })
    .await?;
    Ok(())
}

/// HTTP/1.1: 200 connections ask for 8 MiB and never read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unread_answers_hold_the_backend_back() -> Result<()> {
    let asked = 200 * BIG / MIB;
    let name = format!("unread answers, {asked} MiB asked for");
    against(&name, 64 * MIB, |address| async move {
        let mut stalled = Vec::new();
        for _ in 0..200 {
            let mut stream = TcpStream::connect(address).await?;
            stream
                .write_all(b"GET /big HTTP/1.1\r\nhost: attack.test\r\n\r\n")
                .await?;
            stalled.push(stream);
        }
        tokio::time::sleep(HELD).await;
        Ok(())
    })
    .await?;
    Ok(())
}
