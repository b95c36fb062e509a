//! What is spoken to backends.

use super::{Site, route_to};
use anyhow::{Context, Result};
use gatewright_traffic::echo::Speaks;
use gatewright_traffic::pki::Authority;
use gatewright_traffic::{Echo, Origin, manifest, origin};
use http::Version;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// `appProtocol: kubernetes.io/h2c`: HTTP/2 without TLS.
#[tokio::test]
async fn http2_in_cleartext() -> Result<()> {
    let echo = Echo::start_as("two", Speaks::Http2).await?;
    let objects =
        manifest::service_with("two", &[echo.address], ", appProtocol: kubernetes.io/h2c") + &route_to("two");
    let site = Site::new(&objects).await?;
    let seen = site.get("/a?b=c").await?.echo()?;
    assert_eq!(
        (&seen["version"], &seen["path"]),
        (&"HTTP/2.0".into(), &"/a?b=c".into())
    );
    Ok(())
}

/// BackendTLSPolicy: name, authority and subject alternative names are verified before a byte of the
/// request is sent; ALPN chooses HTTP/2; the Gateway shows its own certificate.
#[tokio::test]
async fn tls_to_backends() -> Result<()> {
    let (authority, foreign) = (Authority::new("ca")?, Authority::new("foreign")?);
    let server = authority.issue(&["backend.test", "spiffe://test/backend"])?;
    let own = authority.issue(&["gateway.test"])?;
    let backend = Origin::tls(&server, Some(&authority), |_, _| origin::ok("secret")).await?;
    let san = |rest: &str| format!("    subjectAltNames: [{rest}]");
    // Service, hostname, authorities, further fields, expected status.
    let cases = [
        ("good", "backend.test", "ca", String::new(), 200),
        (
            "uri",
            "sni.test",
            "ca",
            san("{type: URI, uri: \"spiffe://test/backend\"}"),
            200,
        ),
        ("other-name", "other.test", "ca", String::new(), 503),
        (
            "other-san",
            "backend.test",
            "ca",
            san("{type: Hostname, hostname: other.test}"),
            503,
        ),
        ("other-ca", "backend.test", "foreign", String::new(), 503),
    ];
    let mut objects = manifest::authorities("ca", &authority.pem)
        + &manifest::authorities("foreign", &foreign.pem)
        + &manifest::tls_secret("own", &own.chain, &own.key);
    let rules: Vec<String> = cases
        .iter()
        .map(|(name, ..)| {
            format!(
                "  - {{matches: [{{path: {{value: /{name}}}}}], backendRefs: [{{name: {name}, port: 80}}]}}"
            )
        })
        .collect();
    for (name, hostname, authorities, more, _) in &cases {
        objects += &manifest::service(name, &[backend.address]);
        objects += &manifest::backend_tls(name, hostname, authorities, more);
    }
    objects += &manifest::http_route("all", "gw", &format!("  rules:\n{}", rules.join("\n")));
    let site = Site::with(
        &objects,
        "  tls: {backend: {clientCertificateRef: {name: own}}}",
        &[],
    )
    .await?;
    for (name, _, _, _, status) in &cases {
        assert_eq!(site.get(&format!("/{name}")).await?.status, *status, "{name}");
    }
    let seen = backend.seen();
    assert_eq!(seen.len(), 2, "only verified backends get the request");
    assert!(
        seen.iter()
            .all(|one| one.certified && one.version == Version::HTTP_2)
    );
    Ok(())
}

/// Without a certificate of the Gateway's own, a backend that wants one refuses.
#[tokio::test]
async fn a_backend_that_wants_a_certificate_gets_none() -> Result<()> {
    let authority = Authority::new("ca")?;
    let server = authority.issue(&["backend.test"])?;
    let backend = Origin::tls(&server, Some(&authority), |_, _| origin::ok("secret")).await?;
    let objects = manifest::authorities("ca", &authority.pem)
        + &manifest::service("a", &[backend.address])
        + &manifest::backend_tls("a", "backend.test", "ca", "")
        + &route_to("a");
    let site = Site::new(&objects).await?;
    assert!([502, 503].contains(&site.get("/").await?.status));
    assert!(backend.seen().is_empty());
    Ok(())
}

/// `appProtocol: kubernetes.io/wss`: a WebSocket goes on inside TLS.
#[tokio::test]
async fn websockets_over_tls() -> Result<()> {
    let authority = Authority::new("ca")?;
    let acceptor = origin::acceptor(&authority.issue(&["ws.test"])?, None, &["http/1.1"])?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await?;
                read_head(&mut stream).await?;
                stream
                    .write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
                    .await?;
                let (mut read, mut write) = tokio::io::split(stream);
                tokio::io::copy(&mut read, &mut write).await?;
                anyhow::Ok(())
            });
        }
    });
    let objects = manifest::authorities("ca", &authority.pem)
        + &manifest::service_with("ws", &[address], ", appProtocol: kubernetes.io/wss")
        + &manifest::backend_tls("ws", "ws.test", "ca", "")
        + &route_to("ws");
    let site = Site::new(&objects).await?;
    let mut stream = TcpStream::connect(site.address).await?;
    stream
        .write_all(
            b"GET /chat HTTP/1.1\r\nHost: any.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        )
        .await?;
    let head = read_head(&mut stream).await?;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    stream.write_all(b"frames are bytes").await?;
    let mut back = [0; 16];
    stream.read_exact(&mut back).await?;
    assert_eq!(&back, b"frames are bytes");
    Ok(())
}

async fn read_head(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.context("the head ends early")?);
    }
    Ok(String::from_utf8(head)?)
}

/// Requests share connections to a backend, and a connection that it closed is not noticed.
#[tokio::test]
async fn connections_are_shared_and_replaced() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let connections = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            tokio::spawn(async move {
                // Each connection serves ten requests and is closed without a word.
                for _ in 0..10 {
                    read_head(&mut stream).await?;
                    stream
                        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                        .await?;
                }
                anyhow::Ok(())
            });
        }
    });
    let site = Site::with(&(manifest::service("a", &[address]) + &route_to("a")), "", &[]).await?;
    for number in 0..50 {
        assert_eq!(site.get("/").await?.status, 200, "{number}");
    }
    let connections = connections.load(std::sync::atomic::Ordering::SeqCst);
    assert!((5..=12).contains(&connections), "{connections} connections");
    Ok(())
}
