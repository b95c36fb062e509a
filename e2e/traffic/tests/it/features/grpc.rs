//! gRPC with a client and a server of tonic's: every kind of call, on every combination of cleartext and
//! TLS that a Gateway serves.

use super::local;
use anyhow::{Context, Result};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use gatewright_traffic::conversation::{Client, Conversation, Line, SERVICE};
use gatewright_traffic::grpc::message;
use gatewright_traffic::pki::Authority;
use gatewright_traffic::{Gatewright, manifest, ports, wait};
use h2::client::SendRequest;
use prost::Message;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::metadata::{BinaryMetadataValue, MetadataMap};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};
use tonic::{Code, Request};

/// How a client reaches the Gateway, and the Gateway its backend.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wire {
    /// HTTP/2 in cleartext on both sides.
    Plain,
    /// TLS to the Gateway.
    Terminated,
    /// TLS on both sides.
    Encrypted,
}

/// A client, the program, a server.
struct Call {
    wire: Wire,
    /// Of the listener.
    address: SocketAddr,
    client: Client,
    server: Conversation,
    /// Kept running.
    _gatewright: Gatewright,
}

impl Call {
    async fn new(wire: Wire) -> Result<Self> {
        let authority = Authority::new("ca")?;
        let front = authority.issue(&["calls.test"])?;
        let port = ports::free()?;
        let mut text = manifest::class()
            + &manifest::tls_secret("front", &front.chain, &front.key)
            + "---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: chat, namespace: default}
spec:
  parentRefs: [{name: gw}]
  hostnames: [calls.test]
  rules:
  - matches: [{method: {service: "
            + SERVICE
            + "}}]
    filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-through, value: proxy}]}}]
    backendRefs: [{name: chat, port: 80}]
";
        let listener = if wire == Wire::Plain {
            format!("[{{name: calls, protocol: HTTP, port: {port}}}]")
        } else {
            format!(
                "[{{name: calls, protocol: HTTPS, port: {port}, tls: {{certificateRefs: [{{name: front}}]}}}}]"
            )
        };
        text += &manifest::gateway("gw", &listener);
        let server = if wire == Wire::Encrypted {
            text += &manifest::authorities("ca", &authority.pem);
            text += &manifest::backend_tls("chat", "backend.test", "ca", "");
            Conversation::tls(&authority.issue(&["backend.test"])?).await?
        } else {
            Conversation::start().await?
        };
        text += &manifest::service("chat", &[server.address]);
        let gatewright = Gatewright::start(&text).await?;

        let address = local(port);
        let endpoint = if wire == Wire::Plain {
            Endpoint::from_shared(format!("http://{address}"))?.origin("http://calls.test".parse()?)
        } else {
            let tls = ClientTlsConfig::new()
                .ca_certificate(Certificate::from_pem(&authority.pem))
                .domain_name("calls.test");
            Endpoint::from_shared(format!("https://{address}"))?
                .origin("https://calls.test".parse()?)
                .tls_config(tls)?
        };
        let channel = endpoint.connect_timeout(wait::PATIENCE).connect().await?;
        Ok(Self {
            wire,
            address,
            client: Client::new(channel),
            server,
            _gatewright: gatewright,
        })
    }

    /// One on each wire.
    async fn each() -> Result<Vec<Self>> {
        let mut calls = Vec::new();
        for wire in [Wire::Plain, Wire::Terminated, Wire::Encrypted] {
            calls.push(Self::new(wire).await.with_context(|| format!("{wire:?}"))?);
        }
        Ok(calls)
    }
}

/// Metadata goes both ways, each value of a name in its order, bytes as they are
/// (gRPC over HTTP/2, "Custom-Metadata"); filters of the route apply.
#[tokio::test]
async fn unary_calls_and_their_metadata() -> Result<()> {
    let bytes: Vec<u8> = (0..=255).collect();
    for mut call in Call::each().await? {
        let mut request = Request::new(Line::new(7, "hello"));
        let metadata = request.metadata_mut();
        metadata.append("x-tag", "one".parse()?);
        metadata.append("x-tag", "two".parse()?);
        metadata.append_bin("x-bytes-bin", BinaryMetadataValue::from_bytes(&bytes));
        let answer = call
            .client
            .say(request)
            .await
            .with_context(|| format!("{:?}", call.wire))?;
        assert_eq!(*answer.get_ref(), Line::new(7, "hello"));
        for metadata in [answer.metadata(), &call.server.seen()[0]] {
            let tags: Vec<_> = metadata.get_all("x-tag").iter().collect();
            assert_eq!(tags, ["one", "two"], "{:?}", call.wire);
            let back = metadata.get_bin("x-bytes-bin").context("no bytes")?.to_bytes()?;
            assert_eq!(back, bytes);
        }
        assert_eq!(answer.metadata().get("x-through").context("no filter")?, "proxy");
        // A message larger than any window or frame.
        let large = Bytes::from(vec![42; 3 << 20]);
        let answer = call.client.say(Line::new(8, large.clone())).await?;
        assert_eq!(answer.into_inner().content, large);
    }
    Ok(())
}

/// Calls share a connection and do not mix.
#[tokio::test]
async fn many_calls_at_once() -> Result<()> {
    for call in Call::each().await? {
        let answers = (0..300_u64).map(|number| {
            let mut client = call.client.clone();
            async move {
                let text = format!("call {number}");
                let mut request = Request::new(Line::new(number, text.clone()));
                request.metadata_mut().insert("x-number", number.into());
                let answer = client.say(request).await?;
                let tag = answer.metadata().get("x-number").cloned();
                anyhow::Ok((number, text, tag, answer.into_inner()))
            }
        });
        for answer in futures_util::future::join_all(answers).await {
            let (number, text, tag, line) = answer?;
            assert_eq!(line, Line::new(number, text));
            assert_eq!(tag.context("no number")?, number.to_string().as_str());
        }
    }
    Ok(())
}

/// Each message of a stream reaches the client before the server sends the next; a status after messages
/// is in the trailers, with its message, details and metadata.
#[tokio::test]
async fn a_server_streams() -> Result<()> {
    for mut call in Call::each().await? {
        let mut lines = call.client.count(Line::new(3, "line")).await?.into_inner();
        for number in 0..3 {
            call.server.release(1);
            let line = lines.message().await?.context("the stream ends early")?;
            assert_eq!(line, Line::new(number, "line"), "{:?}", call.wire);
        }
        assert_eq!(lines.message().await?, None);
        assert!(lines.trailers().await?.is_some());

        let mut request = Request::new(Line::new(2, "line"));
        ask_to_fail(request.metadata_mut(), Code::ResourceExhausted, "nothing is left");
        let mut lines = call.client.count(request).await?.into_inner();
        call.server.release(2);
        for number in 0..2 {
            assert_eq!(lines.message().await?, Some(Line::new(number, "line")));
        }
        let status = lines.message().await.err().context("the stream does not fail")?;
        assert_eq!(
            (status.code(), status.message(), status.details()),
            (Code::ResourceExhausted, "nothing is left", &b"\0details\xff"[..])
        );
        assert!(status.metadata().get_bin("reason-bin").is_some());
    }
    Ok(())
}

/// A client sends what it likes before the server answers.
#[tokio::test]
async fn a_client_streams() -> Result<()> {
    for mut call in Call::each().await? {
        let lines = stream::iter((0..500).map(|number| Line::new(number, vec![7; 4096])));
        let joined = call.client.join(lines).await?.into_inner();
        assert_eq!(
            (joined.number, joined.content.len()),
            (500, 500 * 4096),
            "{:?}",
            call.wire
        );
        assert_eq!(
            call.client.join(stream::empty()).await?.into_inner(),
            Line::default()
        );
    }
    Ok(())
}

/// Both sides in turns: the client says a line only when it has the answer to the one before, so nothing
/// may be held back on either way.
#[tokio::test]
async fn both_sides_stream() -> Result<()> {
    for mut call in Call::each().await? {
        let (say, lines) = mpsc::unbounded_channel();
        let mut answers = call
            .client
            .talk(UnboundedReceiverStream::new(lines))
            .await?
            .into_inner();
        for number in 0..100 {
            say.send(Line::new(number, format!("line {number}")))?;
            let answer = tokio::time::timeout(wait::PATIENCE, answers.message()).await??;
            assert_eq!(
                answer.context("the server ends")?,
                Line::new(number, format!("LINE {number}")),
                "{:?}",
                call.wire
            );
        }
        drop(say);
        assert_eq!(answers.message().await?, None);
        assert_eq!(call.server.abandoned(), 0);
    }
    Ok(())
}

fn ask_to_fail(metadata: &mut MetadataMap, code: Code, message: &str) {
    metadata.insert("x-fail", i32::from(code).into());
    let bytes = BinaryMetadataValue::from_bytes(message.as_bytes());
    metadata.insert_bin("x-fail-message-bin", bytes);
    let details = BinaryMetadataValue::from_bytes(b"\0details\xff");
    metadata.insert_bin("x-fail-details-bin", details);
}

/// Every code arrives as the server sent it, with a message in any script (gRPC over HTTP/2,
/// "Status-Message": percent-encoded) and details; so does the proxy's own for a method or a server that
/// is not there.
#[tokio::test]
async fn every_status() -> Result<()> {
    for mut call in Call::each().await? {
        for code in 1..=16 {
            let code = Code::from(code);
            let mut request = Request::new(Line::default());
            let message = "100% schief gegangen: \"Brötchen\", 失敗\n";
            ask_to_fail(request.metadata_mut(), code, message);
            let status = call
                .client
                .say(request)
                .await
                .err()
                .context("the call does not fail")?;
            assert_eq!(
                (status.code(), status.message(), status.details()),
                (code, message, &b"\0details\xff"[..]),
                "{:?}",
                call.wire
            );
            assert!(status.metadata().get_bin("reason-bin").is_some());
        }
        // The server's own word on a method that it does not have.
        let status = call
            .client
            .unknown()
            .await
            .err()
            .context("an unknown method answers")?;
        assert_eq!(
            (status.code(), status.message()),
            (Code::Unimplemented, "no such method")
        );

        let Call {
            mut client, server, ..
        } = call;
        drop(server);
        let gone = wait::until("a server that is gone is unavailable", || {
            let mut client = client.clone();
            async move {
                client
                    .say(Line::default())
                    .await
                    .err()
                    .filter(|status| status.code() == Code::Unavailable)
            }
        });
        gone.await?;
        // Still so on the next call, and the client's own connection still stands.
        let status = client
            .say(Line::default())
            .await
            .err()
            .context("nobody answers")?;
        assert_eq!(status.code(), Code::Unavailable);
    }
    Ok(())
}

/// The deadline of a call goes on to the server; when it has passed, or when the client gives up, the
/// server hears of it at once.
#[tokio::test]
async fn deadlines_and_cancelled_calls() -> Result<()> {
    for mut call in Call::each().await? {
        let mut request = Request::new(Line::default());
        request.metadata_mut().insert("x-hang", "1".parse()?);
        request.set_timeout(Duration::from_millis(400));
        let began = Instant::now();
        let status = call
            .client
            .say(request)
            .await
            .err()
            .context("a hanging call answers")?;
        // tonic calls it cancelled when its own clock is first, and what the server's says comes as that.
        assert!(
            matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled),
            "{status:?}"
        );
        assert!(began.elapsed() >= Duration::from_millis(300));
        let seen = call.server.seen();
        let timeout = seen[0].get("grpc-timeout").context("the deadline is lost")?;
        assert_eq!(timeout, "400000u");
        let server = &call.server;
        let count = |count: usize| async move { (server.abandoned() == count).then_some(()) };
        wait::until("the server hears that the deadline has passed", || count(1)).await?;

        // A stream that its reader drops.
        let mut lines = call.client.count(Line::new(10, "line")).await?.into_inner();
        call.server.release(1);
        assert!(lines.next().await.context("no line")?.is_ok());
        drop(lines);
        wait::until("the server hears that nobody reads", || count(2)).await?;

        // A conversation that its client cuts in the middle (hyper's client, and so tonic's, does not say so while
        // its own side is open).
        if call.wire == Wire::Plain {
            let _open = cut_conversation(call.address).await?;
            wait::until("the server hears that its client has left", || count(3)).await?;
        }
        // The connection goes on.
        assert_eq!(
            call.client.say(Line::new(1, "on")).await?.into_inner(),
            Line::new(1, "on")
        );
    }
    Ok(())
}

/// Says a line of a conversation, waits for the answer, and resets the stream with CANCEL, as clients of gRPC do that
/// give up a call. Answers the connection, which goes on.
async fn cut_conversation(address: SocketAddr) -> Result<SendRequest<Bytes>> {
    let (sender, connection) = h2::client::handshake(TcpStream::connect(address).await?).await?;
    tokio::spawn(connection);
    let mut sender = sender.ready().await?;
    let request = http::Request::post(format!("http://calls.test/{SERVICE}/Talk"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())?;
    let (response, mut body) = sender.send_request(request, false)?;
    let line = Line::new(0, "line").encode_to_vec();
    body.send_data(message(&line), false)?;
    let mut answers = response.await?.into_body();
    let answer = answers.data().await.context("no answer")??;
    assert!(answer.ends_with(b"LINE"));
    body.send_reset(h2::Reason::CANCEL);
    Ok(sender)
}
