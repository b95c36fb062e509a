//! Floods of HTTP/2 frames: cheap to send, meant to be dear to receive.

use super::{MIB, against};
use anyhow::Result;
use gatewright_traffic::raw::{Attacker, Flood, flag, frame, kind, literal, request_block};
use std::time::Duration;

/// How long a flooder waits for the proxy to take more.
const PATIENCE: Duration = Duration::from_secs(2);

/// Stream ids of a client: 1, 3, 5, …
fn streams(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|index| 2 * index + 1)
}

/// CVE-2023-44487: requests reset as soon as they are sent, far beyond the stream limit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rapid_reset_ends_the_connection() -> Result<()> {
    let block = request_block(false, "/");
    let ((taken, seen), _, site) = against("rapid reset", 32 * MIB, |address| async move {
        let mut attacker = Attacker::connect(address, &[]).await?;
        let pairs = streams(50_000).map(|stream| {
            let mut pair = frame(
                kind::HEADERS,
                flag::END_STREAM | flag::END_HEADERS,
                stream,
                &block,
            );
            pair.extend(frame(kind::RST_STREAM, flag::NONE, stream, &8u32.to_be_bytes()));
            pair
        });
        let (taken, _) = attacker.flood(pairs, PATIENCE).await;
        Ok((taken, attacker.finish(PATIENCE).await?))
    })
    .await?;
    assert!(
        seen.closed,
        "the connection must end: {taken} bytes taken, {seen:?}"
    );
    // Well below one for each of the 50,000 requests.
    assert!(site.echo.requests() < 10_000, "{}", site.echo.requests());
    Ok(())
}

/// CVE-2025-8671: the client makes the proxy reset the streams, here by a window increment of 0
/// (RFC 9113 section 6.9: a stream error).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn made_you_reset_ends_the_connection() -> Result<()> {
    let block = request_block(false, "/");
    let (seen, _, _) = against("made-you-reset", 32 * MIB, |address| async move {
        let mut attacker = Attacker::connect(address, &[]).await?;
        let pairs = streams(50_000).map(|stream| {
            let mut pair = frame(
                kind::HEADERS,
                flag::END_STREAM | flag::END_HEADERS,
                stream,
                &block,
            );
            pair.extend(frame(
                kind::WINDOW_UPDATE,
                flag::NONE,
                stream,
                &0u32.to_be_bytes(),
            ));
            pair
        });
        attacker.flood(pairs, PATIENCE).await;
        attacker.finish(PATIENCE).await
    })
    .await?;
    assert!(seen.closed, "{seen:?}");
    Ok(())
}

/// CVE-2024-27316 and its kin: a header block that never ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn continuation_flood_ends_the_connection() -> Result<()> {
    // 16 KiB of literal fields in each frame; and frames with nothing in them.
    let mut fields = Vec::new();
    while fields.len() < 16_000 {
        fields.push(0x00);
        literal(&mut fields, "x-filler");
        literal(&mut fields, &"y".repeat(100));
    }
    for (name, payload, count) in [
        ("CONTINUATION flood", fields, 4_096),
        ("empty CONTINUATION flood", Vec::new(), 1_000_000),
    ] {
        let total = count * (payload.len() + 9);
        let ((taken, seen), _, _) = against(name, 32 * MIB, |address| async move {
            let mut attacker = Attacker::connect(address, &[]).await?;
            let block = request_block(false, "/");
            let start = frame(kind::HEADERS, flag::END_STREAM, 1, &block);
            attacker.flood([start], PATIENCE).await;
            let one = frame(kind::CONTINUATION, flag::NONE, 1, &payload);
            // Several frames in one write, so that sending is not what takes the time.
            let per_write = (64 * 1024 / one.len()).max(1);
            let chunk = one.repeat(per_write);
            let chunks = std::iter::repeat_n(chunk, count / per_write);
            let (taken, _) = attacker.flood(chunks, PATIENCE).await;
            Ok((taken, attacker.finish(PATIENCE).await?))
        })
        .await?;
        assert!(seen.closed, "{name}: {seen:?}");
        assert!(taken < total / 2, "{name}: {taken} of {total} bytes taken");
    }
    Ok(())
}

/// A header block that is small on the wire and huge once decoded: one long field in the dynamic table,
/// named again and again (RFC 7541 section 7.3; RFC 9113 section 10.5.1).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compressed_header_bomb_is_refused() -> Result<()> {
    let (seen, _, _) = against("header bomb", 32 * MIB, |address| async move {
        let mut attacker = Attacker::connect(address, &[]).await?;
        let mut block = request_block(false, "/");
        // Literal with incremental indexing, 4,000 bytes: entry 62 of the table.
        block.push(0x40);
        literal(&mut block, "x-bomb");
        literal(&mut block, &"z".repeat(4_000));
        // 12,000 references: 48 MB of fields in 16 KB.
        block.extend(std::iter::repeat_n(0xbe, 12_000));
        let one = |stream| {
            frame(
                kind::HEADERS,
                flag::END_STREAM | flag::END_HEADERS,
                stream,
                &block,
            )
        };
        attacker.flood([one(1)], PATIENCE).await;
        // Later blocks name the field that the first one left in the table.
        let mut again = request_block(false, "/");
        again.extend(std::iter::repeat_n(0xbe, 12_000));
        let more: Vec<Vec<u8>> = streams(200)
            .skip(1)
            .map(|stream| {
                frame(
                    kind::HEADERS,
                    flag::END_STREAM | flag::END_HEADERS,
                    stream,
                    &again,
                )
            })
            .collect();
        attacker.flood(more, PATIENCE).await;
        attacker.finish(PATIENCE).await
    })
    .await?;
    // An echo would have sent every field back.
    assert!(seen.data < MIB, "{seen:?}");
    assert!(
        seen.goaway.is_some() || seen.resets + seen.responses > 0,
        "refused, not ignored: {seen:?}"
    );
    Ok(())
}

/// Frames that must be answered, from a client that never reads: what is not acknowledged must not pile
/// up without bound.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_and_ping_floods_do_not_pile_up_answers() -> Result<()> {
    for (name, one) in [
        (
            "SETTINGS flood",
            frame(kind::SETTINGS, flag::NONE, 0, &[0, 3, 0, 0, 0, 100]),
        ),
        ("PING flood", frame(kind::PING, flag::NONE, 0, &[7; 8])),
    ] {
        let ((taken, end), _, _) = against(name, 32 * MIB, |address| async move {
            let mut attacker = Attacker::deaf(address, &[]).await?;
            let chunk = one.repeat(64 * 1024 / one.len());
            // 128 MiB: far more than the sockets' buffers hold.
            let chunks = std::iter::repeat_n(chunk, 2_048);
            Ok(attacker.flood(chunks, PATIENCE).await)
        })
        .await?;
        assert_ne!(end, Flood::Taken, "{name}: {taken} bytes taken");
    }
    Ok(())
}

/// DATA frames without data keep a stream open and move nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn empty_data_flood_is_bounded() -> Result<()> {
    against("empty DATA flood", 32 * MIB, |address| async move {
        let mut attacker = Attacker::connect(address, &[]).await?;
        let block = request_block(true, "/");
        let start = frame(kind::HEADERS, flag::END_HEADERS, 1, &block);
        attacker.flood([start], PATIENCE).await;
        let chunk = frame(kind::DATA, flag::NONE, 1, &[]).repeat(7_000);
        attacker.flood(std::iter::repeat_n(chunk, 300), PATIENCE).await;
        attacker.finish(PATIENCE).await
    })
    .await?;
    Ok(())
}
