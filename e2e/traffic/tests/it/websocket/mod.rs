//! WebSocket over HTTP/1.1 (RFC 6455) and over HTTP/2 (RFC 8441), through the program.

mod cases;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use bytes::Bytes;
use cases::Case;
use gatewright_traffic::{Gatewright, manifest, ports, wait};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// The example of RFC 6455 section 1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A backend that accepts any upgrade and sends every byte back until its client ends.
struct Mirror {
    address: SocketAddr,
    /// Heads of the upgrade requests.
    heads: Arc<Mutex<Vec<String>>>,
    /// Connections whose client ended and that were closed then.
    ended: Arc<std::sync::atomic::AtomicUsize>,
    task: JoinHandle<()>,
}

impl Mirror {
    async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let heads = Arc::new(Mutex::new(Vec::new()));
        let ended = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let (seen, count) = (Arc::clone(&heads), Arc::clone(&ended));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, count) = (Arc::clone(&seen), Arc::clone(&count));
                tokio::spawn(async move {
                    let done = mirror(stream, &seen).await;
                    count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    done
                });
            }
        });
        Ok(Self {
            address,
            heads,
            ended,
            task,
        })
    }

    fn last_head(&self) -> String {
        let heads = self
            .heads
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        heads.last().cloned().unwrap_or_default()
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn mirror(mut stream: TcpStream, heads: &Mutex<Vec<String>>) -> Result<()> {
    let head = read_head(&mut stream).await?;
    let key = field(&head, "sec-websocket-key").context("no key")?;
    let accept = accept(&key);
    let refuse = head.starts_with("GET /refused");
    heads
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .push(head);
    if refuse {
        stream
            .write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno")
            .await?;
        return Ok(());
    }
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await?;
    let (mut read, mut write) = stream.split();
    tokio::io::copy(&mut read, &mut write).await?;
    Ok(())
}

/// What a server answers to a key (RFC 6455 section 4.2.2).
fn accept(key: &str) -> String {
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    base64::engine::general_purpose::STANDARD.encode(digest)
}

/// Reads up to the empty line and not a byte further.
async fn read_head(stream: &mut TcpStream) -> Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
        ensure!(head.len() < 16_384, "endless head");
    }
    Ok(String::from_utf8(head)?)
}

fn field(head: &str, name: &str) -> Option<String> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

struct Site {
    /// Kept running.
    _gatewright: Gatewright,
    mirror: Mirror,
    address: SocketAddr,
}

impl Site {
    async fn start() -> Result<Self> {
        let port = ports::free()?;
        let mirror = Mirror::start().await?;
        let text = manifest::class()
            + &manifest::gateway("gw", &format!("[{{name: http, protocol: HTTP, port: {port}}}]"))
            + &manifest::service_with("ws", &[mirror.address], ", appProtocol: kubernetes.io/ws")
            + &manifest::http_route("ws", "gw", "  rules: [{backendRefs: [{name: ws, port: 80}]}]");
        let site = Self {
            _gatewright: Gatewright::start(&text).await?,
            mirror,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
        };
        wait::until("the first upgrade", || async { site.upgrade("/").await.ok() }).await?;
        Ok(site)
    }

    /// An upgraded HTTP/1.1 connection and the head of the answer.
    async fn upgrade(&self, path: &str) -> Result<(TcpStream, String)> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: ws.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\n\
             Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let head = read_head(&mut stream).await?;
        ensure!(head.starts_with("HTTP/1.1 101"), "{head}");
        Ok((stream, head))
    }
}

/// Sends a case on an upgraded connection and compares what comes back.
async fn exchange_h1(stream: TcpStream, case: &Case) -> Result<()> {
    let (mut read, mut write) = stream.into_split();
    let (bytes, chop) = (case.bytes.clone(), case.chop.min(case.bytes.len()).max(1));
    let sender = tokio::spawn(async move {
        for piece in bytes.chunks(chop) {
            write.write_all(piece).await?;
        }
        std::io::Result::Ok(write)
    });
    let mut back = vec![0; case.bytes.len()];
    read.read_exact(&mut back).await?;
    ensure!(back == case.bytes, "other bytes came back");
    // The connection ends with the client, without a byte more.
    drop(sender.await??);
    let mut rest = Vec::new();
    read.read_to_end(&mut rest).await?;
    ensure!(rest.is_empty(), "{} bytes too many", rest.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_pass_unchanged_over_http1() -> Result<()> {
    let site = Site::start().await?;
    let all = cases::all();
    for case in &all {
        let (stream, _) = site.upgrade("/chat").await?;
        timeout(wait::PATIENCE, exchange_h1(stream, case))
            .await
            .map_err(anyhow::Error::from)
            .and_then(|done| done)
            .with_context(|| format!("case {}", case.name))?;
    }
    // Every end of a client has reached the backend, the first probe's included.
    wait::until("the backend's ends", || async {
        (site.mirror.ended.load(std::sync::atomic::Ordering::SeqCst) > all.len()).then_some(())
    })
    .await?;
    println!("{} WebSocket cases over HTTP/1.1", all.len());
    Ok(())
}

/// RFC 6455 section 4: what the two ends negotiate is theirs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_handshake_passes_over_http1() -> Result<()> {
    let site = Site::start().await?;
    let (_stream, answer) = site.upgrade("/chat?room=1").await?;
    let head = site.mirror.last_head();
    assert!(head.starts_with("GET /chat?room=1 HTTP/1.1"), "{head}");
    for (name, value) in [
        ("sec-websocket-key", KEY),
        ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", "chat"),
        ("sec-websocket-extensions", "permessage-deflate"),
        ("upgrade", "websocket"),
    ] {
        assert_eq!(field(&head, name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(field(&answer, "sec-websocket-accept").as_deref(), Some(ACCEPT));
    assert_eq!(field(&answer, "sec-websocket-protocol").as_deref(), Some("chat"));
    let connection = field(&answer, "connection").unwrap_or_default();
    assert!(connection.eq_ignore_ascii_case("upgrade"), "{answer}");
    Ok(())
}

/// A backend's refusal is an answer like any other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_upgrade_is_passed_on() -> Result<()> {
    let site = Site::start().await?;
    let error = match site.upgrade("/refused").await {
        Ok((_, head)) => bail!("{head}"),
        Err(error) => error.to_string(),
    };
    assert!(error.starts_with("HTTP/1.1 403"), "{error}");
    let mut connection = connect_h2(site.address).await?;
    let (status, _, _) = open(&mut connection, "/refused").await?;
    assert_eq!(status, 403);
    Ok(())
}

async fn connect_h2(address: SocketAddr) -> Result<h2::client::SendRequest<Bytes>> {
    let stream = TcpStream::connect(address).await?;
    let (sender, connection) = h2::client::Builder::new()
        .initial_window_size(1 << 20)
        .initial_connection_window_size(1 << 24)
        .handshake(stream)
        .await?;
    tokio::spawn(connection);
    wait::until("SETTINGS_ENABLE_CONNECT_PROTOCOL", || async {
        sender.is_extended_connect_protocol_enabled().then_some(())
    })
    .await?;
    Ok(sender)
}

/// An extended CONNECT: status and both directions.
async fn open(
    sender: &mut h2::client::SendRequest<Bytes>,
    path: &str,
) -> Result<(u16, h2::SendStream<Bytes>, h2::RecvStream)> {
    let request = http::Request::builder()
        .method("CONNECT")
        .uri(format!("http://ws.test{path}"))
        .extension(h2::ext::Protocol::from_static("websocket"))
        .header("sec-websocket-version", "13")
        .header("sec-websocket-protocol", "chat")
        .body(())?;
    let mut ready = sender.clone().ready().await?;
    let (answer, send) = ready.send_request(request, false)?;
    let (parts, receive) = timeout(wait::PATIENCE, answer).await??.into_parts();
    Ok((parts.status.as_u16(), send, receive))
}

async fn exchange_h2(
    mut send: h2::SendStream<Bytes>,
    mut receive: h2::RecvStream,
    case: &Case,
) -> Result<()> {
    let (bytes, chop) = (case.bytes.clone(), case.chop.min(case.bytes.len()).max(1));
    let sender = tokio::spawn(async move {
        for piece in bytes.chunks(chop) {
            let mut piece = Bytes::copy_from_slice(piece);
            while !piece.is_empty() {
                send.reserve_capacity(piece.len());
                let granted = std::future::poll_fn(|task| send.poll_capacity(task))
                    .await
                    .context("the stream ended")??;
                send.send_data(piece.split_to(granted.min(piece.len())), false)?;
            }
        }
        anyhow::Ok(send)
    });
    let mut back = Vec::with_capacity(case.bytes.len());
    while back.len() < case.bytes.len() {
        let piece = receive.data().await.context("the stream ended early")??;
        receive.flow_control().release_capacity(piece.len())?;
        back.extend_from_slice(&piece);
    }
    ensure!(back == case.bytes, "other bytes came back");
    sender.await??.send_data(Bytes::new(), true)?;
    while let Some(piece) = receive.data().await {
        ensure!(piece?.is_empty(), "bytes too many");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_pass_unchanged_over_http2() -> Result<()> {
    let site = Site::start().await?;
    let all = cases::all();
    let mut connection = connect_h2(site.address).await?;
    for case in &all {
        let exchange = async {
            let (status, send, receive) = open(&mut connection, "/chat").await?;
            ensure!(status == 200, "status {status}");
            exchange_h2(send, receive, case).await
        };
        timeout(wait::PATIENCE, exchange)
            .await
            .map_err(anyhow::Error::from)
            .and_then(|done| done)
            .with_context(|| format!("case {}", case.name))?;
    }
    let head = site.mirror.last_head();
    assert!(head.starts_with("GET /chat HTTP/1.1"), "{head}");
    assert_eq!(field(&head, "sec-websocket-protocol").as_deref(), Some("chat"));
    let key = field(&head, "sec-websocket-key").unwrap_or_default();
    assert_eq!(key.len(), 24, "16 bytes in base64: {key}");
    println!("{} WebSocket cases over HTTP/2", all.len());
    Ok(())
}
