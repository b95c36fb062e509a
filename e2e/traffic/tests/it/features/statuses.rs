//! The tables of docs/proxy.md, line by line: each answer by its cause.

use super::{Site, local, route_to};
use anyhow::{Context, Result, bail};
use gatewright_traffic::client::{self, status_of};
use gatewright_traffic::echo::Speaks;
use gatewright_traffic::origin::{self, Reply};
use gatewright_traffic::pki::Authority;
use gatewright_traffic::{Gatewright, Origin, manifest, ports, tls};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

/// First and last cells of the rows of the table with this heading.
fn table(heading: &str) -> Result<Vec<(String, String)>> {
    let page = include_str!("../../../../../docs/proxy.md");
    let (_, rest) = page
        .split_once(heading)
        .context("no such table in docs/proxy.md")?;
    let rows = rest
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let cell = |cell: Option<&&str>| cell.map_or(String::new(), |text| (*text).to_owned());
            (cell(cells.first()), cell(cells.last()))
        })
        .collect();
    Ok(rows)
}

async fn nobody() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?)
}

#[tokio::test]
async fn answers_of_the_proxy_by_situation() -> Result<()> {
    let (close, garbage, hang) = (
        Origin::start(|_, _| Reply::Close).await?,
        TcpListener::bind("127.0.0.1:0").await?,
        Origin::start(|_, _| Reply::Hang).await?,
    );
    let noise = garbage.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = garbage.accept().await {
            let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n\r\n").await;
        }
    });
    let objects = manifest::service("close", &[close.address])
        + &manifest::service("noise", &[noise])
        + &manifest::service("hang", &[hang.address])
        + &manifest::service("refused", &[nobody().await?, nobody().await?])
        + &manifest::service("unready", &["127.0.0.1:9".parse()?]).replace("ready: true", "ready: false")
        + &manifest::http_route(
            "all",
            "gw",
            "  hostnames: [any.test]
  rules:
  - {matches: [{path: {value: /invalid}}], backendRefs: [{name: missing, port: 80}]}
  - {matches: [{path: {value: /none}}]}
  - {matches: [{path: {value: /unready}}], backendRefs: [{name: unready, port: 80}]}
  - {matches: [{path: {value: /refused}}], backendRefs: [{name: refused, port: 80}]}
  - {matches: [{path: {value: /close}}], backendRefs: [{name: close, port: 80}]}
  - {matches: [{path: {value: /noise}}], backendRefs: [{name: noise, port: 80}]}
  - {matches: [{path: {value: /request}}], timeouts: {request: 200ms}, backendRefs: [{name: hang, port: 80}]}
  - {matches: [{path: {value: /try}}], timeouts: {backendRequest: 200ms}, backendRefs: [{name: hang, port: 80}]}",
        );
    let site = Site::new(&objects).await?;
    for (situation, answer) in table("| situation | answer |")? {
        let causes: &[&str] = match situation.as_str() {
            "no route matches" => &["/nowhere"],
            "Host belongs to another listener than the TLS connection" => {
                assert_eq!(misdirected().await?.to_string(), answer, "{situation}");
                continue;
            }
            "the backend reference is invalid, or the rule has none" => &["/invalid", "/none"],
            "no endpoint is ready" => &["/unready"],
            "connection refused, or not made in time, on every endpoint tried" => &["/refused"],
            "the backend closed, or answered what is not HTTP" => &["/close", "/noise"],
            "a timeout of the rule" => &["/request", "/try"],
            other => bail!("docs/proxy.md says `{other}`, and no test produces it"),
        };
        for path in causes {
            let found = site.get(path).await?;
            assert_eq!(found.status.to_string(), answer, "{situation}: {path}");
            // Nothing of the inside shows.
            assert!(found.text().len() < 40, "{situation}: {}", found.text());
            let grpc = site
                .ask("POST", path, &[("content-type", "application/grpc")])
                .await?;
            assert_eq!(grpc.status, 200, "{situation}: gRPC carries its own status");
            let expected = match answer.as_str() {
                "404" => "12",
                "500" => "2",
                "504" => "4",
                _ => "14",
            };
            assert_eq!(grpc.header("grpc-status"), expected, "{situation}: {path}");
        }
    }
    Ok(())
}

async fn misdirected() -> Result<u16> {
    let port = ports::free()?;
    let identity = Authority::new("ca")?.issue(&["a.test", "b.test"])?;
    let listener = |name: &str| {
        format!(
            "{{name: {name}, protocol: HTTPS, port: {port}, hostname: {name}.test, tls: {{certificateRefs: [{{name: c}}]}}}}"
        )
    };
    let text = manifest::class()
        + &manifest::gateway("gw", &format!("[{}, {}]", listener("a"), listener("b")))
        + &manifest::tls_secret("c", &identity.chain, &identity.key);
    let _gatewright = Gatewright::start(&text).await?;
    let stream = tls::connect(local(port), "a.test", &["http/1.1"]).await?;
    let answer = client::exchange(stream, Speaks::Http1, client::get("b.test", "/")?).await?;
    Ok(answer.status)
}

/// What is refused whatever the routes say.
#[tokio::test]
async fn requests_with_two_meanings() -> Result<()> {
    let backend = Origin::named("a").await?;
    let site = Site::new(&(manifest::service("a", &[backend.address]) + &route_to("a"))).await?;
    for (status, request) in [
        (400, "GET / HTTP/1.1\r\n\r\n"),
        (400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        ),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX-A : b\r\n\r\n"),
        (405, "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (405, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
        (204, "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
    ] {
        let answer = client::raw(site.address, request.as_bytes()).await?;
        assert_eq!(status_of(&answer), status, "{request:?}: {answer}");
    }
    assert!(backend.seen().is_empty());
    Ok(())
}

/// Sends the head of a request, then a byte at a time, and answers what came back.
async fn drip(address: SocketAddr, pause: Duration) -> Result<u16> {
    let stream = TcpStream::connect(address).await?;
    let (mut read, mut write) = stream.into_split();
    write
        .write_all(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\n")
        .await?;
    let dripping = tokio::spawn(async move {
        while write.write_all(b"x").await.is_ok() {
            tokio::time::sleep(pause).await;
        }
    });
    let mut answer = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut read, &mut answer).await;
    dripping.abort();
    Ok(status_of(&String::from_utf8_lossy(&answer)))
}

type Body = http_body_util::Full<bytes::Bytes>;

/// A connection that has served a request and stays open.
async fn kept(address: SocketAddr) -> Result<hyper::client::conn::http1::SendRequest<Body>> {
    let io = hyper_util::rt::TokioIo::new(TcpStream::connect(address).await?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
    tokio::spawn(connection);
    let request = http::Request::get("/").header("host", "a.test");
    sender.send_request(request.body(Body::default())?).await?;
    Ok(sender)
}

/// How many of eight connections are closed where two workers have room for two each.
async fn crowd() -> Result<usize> {
    let backend = Origin::named("a").await?;
    let objects = manifest::service("a", &[backend.address])
        + &route_to("a")
        + &manifest::parameters("small", "{limits: {connectionsPerPort: 2}}");
    let site = Site::with(&objects, &manifest::parameters_ref("small"), &[]).await?;
    let (mut open, mut closed) = (Vec::new(), 0);
    for _ in 0..8 {
        // A connection may be closed as early as it is made.
        match kept(site.address).await {
            Ok(sender) => open.push(sender),
            Err(_) => closed += 1,
        }
    }
    // A place that is given back can be taken.
    drop(open);
    gatewright_traffic::wait::until("a place", || async {
        (site.get("/").await.ok()?.status == 200).then_some(())
    })
    .await?;
    Ok(closed)
}

#[tokio::test]
async fn answers_beyond_the_bounds() -> Result<()> {
    let (backend, busy) = (
        Origin::named("a").await?,
        Origin::start(|_, _| origin::status(503)).await?,
    );
    let silent = Origin::start(|_, _| Reply::Hang).await?;
    let objects = manifest::service("a", &[backend.address])
        + &manifest::service("busy", &[busy.address])
        + &manifest::service("silent", &[silent.address])
        + &manifest::http_route(
            "all",
            "gw",
            "  rules:
  - {backendRefs: [{name: a, port: 80}]}
  - matches: [{path: {value: /busy}}]
    retry: {attempts: 2, codes: [503], backoff: 1ms}
    backendRefs: [{name: busy, port: 80}]
  - {matches: [{path: {value: /silent}}], backendRefs: [{name: silent, port: 80}]}
  - matches: [{path: {value: /auth}}]
    filters: [{type: ExternalAuth, externalAuth: {protocol: HTTP, http: {}, backendRef: {name: silent, port: 80}}}]
    backendRefs: [{name: a, port: 80}]",
        );
    let plain = Site::new(&objects).await?;
    let narrow = Site::with(
        &(objects
            + &manifest::parameters(
                "narrow",
                "{limits: {bodyBytes: 200}, timeouts: {header: 400ms, idle: 400ms, body: 400ms, externalAuth: 300ms, backendIdle: 300ms}}",
            )),
        &manifest::parameters_ref("narrow"),
        &[],
    )
    .await?;
    for (what, answer) in table("| what | default | answer beyond it |")? {
        let found = match what.as_str() {
            "request head" => {
                let large = "x".repeat(66_000);
                let many: Vec<(String, &str)> = (0..101).map(|number| (format!("x-{number}"), "")).collect();
                let many: Vec<(&str, &str)> =
                    many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
                let by_size = plain.ask("GET", "/", &[("x-large", &large)]).await?.status;
                assert_eq!(by_size, plain.ask("GET", "/", &many).await?.status);
                by_size.to_string()
            }
            "request target" => plain
                .get(&format!("/{}", "x".repeat(17_000)))
                .await?
                .status
                .to_string(),
            "request body" => {
                let mut request = client::request("POST", "a.test", "/", &[])?;
                *request.body_mut() = "x".repeat(201).into();
                narrow.send(request).await?.status.to_string()
            }
            "HTTP/2 header list" => {
                // The second is more than is kept of a head while it is read.
                for length in [40_000, 200_000] {
                    let large = "x".repeat(length);
                    let request = client::request("GET", "a.test", "/", &[("x-large", &large)])?;
                    let refused = client::send(plain.address, Speaks::Http2, request).await?;
                    assert_eq!(refused.status, 431, "{length} bytes");
                }
                "431".to_owned()
            }
            "HTTP/2 streams per connection" => {
                let stream = TcpStream::connect(plain.address).await?;
                let (sender, connection) = h2::client::handshake(stream).await?;
                tokio::spawn(connection);
                let mut sender: h2::client::SendRequest<bytes::Bytes> = sender;
                let request = http::Request::get("http://a.test/").body(())?;
                sender.send_request(request, true)?.0.await?;
                // What the SETTINGS say: more streams are refused (RFC 9113 section 5.1.2).
                assert_eq!(sender.current_max_send_streams(), 100);
                "refused".to_owned()
            }
            "connections per port and worker" => {
                // Two workers with room for two each: of eight at least four are closed.
                assert!(crowd().await? >= 4);
                "closed".to_owned()
            }
            "body kept for a retry or a mirror" => {
                let before = busy.seen().len();
                for (length, tries) in [(1_000, 3), (70_000, 1)] {
                    let mut request = client::request("POST", "a.test", "/busy", &[])?;
                    *request.body_mut() = "x".repeat(length).into();
                    assert_eq!(plain.send(request).await?.status, 503);
                    assert_eq!(busy.seen().len() - before, if tries == 3 { 3 } else { 4 });
                }
                "sent once only".to_owned()
            }
            "head of a request" => {
                let answer = client::raw(narrow.address, b"GET / HTTP/1.1\r\nHo").await?;
                status_of(&answer).to_string()
            }
            "idle keep-alive connection" => {
                let request = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
                let answer = client::raw(narrow.address, request).await?;
                assert_eq!(status_of(&answer), 200, "{answer}");
                "closed".to_owned()
            }
            "pause in a body" => drip(narrow.address, Duration::from_secs(2)).await?.to_string(),
            "slowest request body" => drip(narrow.address, Duration::from_millis(60)).await?.to_string(),
            "answer of an external authorization server" => narrow.get("/auth").await?.status.to_string(),
            "silence of a backend" => narrow.get("/silent").await?.status.to_string(),
            // Streams: `streams.rs`.
            "unused TCP session" | "unused UDP session" => continue,
            // Too many, or too long, for a test through the program; the tests of the proxy's crate have
            // them.
            "TLS handshakes at once per worker"
            | "upstream connections per endpoint and worker"
            | "connection to a backend" => continue,
            other => bail!("docs/proxy.md says `{other}`, and no test goes beyond it"),
        };
        assert_eq!(found, answer, "{what}");
    }
    Ok(())
}
