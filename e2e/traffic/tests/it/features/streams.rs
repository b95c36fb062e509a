//! TCP, TLS and UDP routes.

use super::local;
use anyhow::{Context, Result};
use gatewright_traffic::pki::Authority;
use gatewright_traffic::{Gatewright, manifest, origin, ports, tls, wait};
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_rustls::TlsAcceptor;

/// A TCP backend that says its name and then sends everything back, inside TLS when it has a certificate.
async fn parrot(name: &'static str, tls: Option<TlsAcceptor>) -> Result<SocketAddr> {
    async fn talk(name: &str, mut io: impl AsyncRead + AsyncWrite + Unpin) -> Result<()> {
        io.write_all(name.as_bytes()).await?;
        let (mut read, mut write) = tokio::io::split(io);
        tokio::io::copy(&mut read, &mut write).await?;
        write.shutdown().await?;
        Ok(())
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tls = tls.clone();
            tokio::spawn(async move {
                match tls {
                    None => talk(name, stream).await,
                    Some(tls) => talk(name, tls.accept(stream).await?).await,
                }
            });
        }
    });
    Ok(address)
}

/// Sends "ping", ends, and answers all that came back.
async fn ping(mut io: impl AsyncRead + AsyncWrite + Unpin) -> Result<String> {
    io.write_all(b"ping").await?;
    io.shutdown().await?;
    let mut all = Vec::new();
    tokio::time::timeout(wait::PATIENCE, io.read_to_end(&mut all))
        .await
        .context("no end")??;
    Ok(String::from_utf8(all)?)
}

/// A Service with one UDP endpoint.
fn udp_service(name: &str, endpoint: SocketAddr) -> String {
    manifest::service_with(name, &[endpoint], ", protocol: UDP").replace(
        &format!("ports: [{{name: main, port: {}}}]", endpoint.port()),
        &format!(
            "ports: [{{name: main, port: {}, protocol: UDP}}]",
            endpoint.port()
        ),
    )
}

fn stream_route(kind: &str, name: &str, section: &str, hostnames: &str, backend: &str) -> String {
    format!(
        "---
apiVersion: gateway.networking.k8s.io/v1
kind: {kind}
metadata: {{name: {name}, namespace: default}}
spec:
  parentRefs: [{{name: gw, sectionName: {section}}}]
{hostnames}  rules: [{{backendRefs: [{{name: {backend}, port: 80}}]}}]
"
    )
}

#[tokio::test]
async fn tcp_and_udp_on_one_port() -> Result<()> {
    let port = ports::free()?;
    let tcp = parrot("tcp:", None).await?;
    let echo = UdpSocket::bind("127.0.0.1:0").await?;
    let udp = echo.local_addr()?;
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok((count, peer)) = echo.recv_from(&mut buffer).await {
            let reply = [b"udp:", &buffer[..count]].concat();
            let _ = echo.send_to(&reply, peer).await;
        }
    });
    let text = manifest::class()
        + &manifest::gateway(
            "gw",
            &format!(
                "[{{name: tcp, protocol: TCP, port: {port}}}, {{name: udp, protocol: UDP, port: {port}}}]"
            ),
        )
        + &manifest::service("tcp", &[tcp])
        + &udp_service("udp", udp)
        + &stream_route("TCPRoute", "tcp", "tcp", "", "tcp")
        + &stream_route("UDPRoute", "udp", "udp", "", "udp");
    let _gatewright = Gatewright::start(&text).await?;
    assert_eq!(ping(TcpStream::connect(local(port)).await?).await?, "tcp:ping");
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    socket.connect(local(port)).await?;
    for number in 0..3 {
        let sent = format!("datagram {number}");
        socket.send(sent.as_bytes()).await?;
        let mut buffer = [0; 2048];
        let count = tokio::time::timeout(wait::PATIENCE, socket.recv(&mut buffer)).await??;
        assert_eq!(&buffer[..count], format!("udp:{sent}").as_bytes());
    }
    Ok(())
}

/// `timeouts.tcpIdle` and `udpIdle`: a connection without traffic is closed, a session is forgotten and
/// its client gets another.
#[tokio::test]
async fn streams_without_traffic_end() -> Result<()> {
    let port = ports::free()?;
    let tcp = parrot("tcp:", None).await?;
    let ports_seen = UdpSocket::bind("127.0.0.1:0").await?;
    let udp = ports_seen.local_addr()?;
    tokio::spawn(async move {
        let mut buffer = [0; 16];
        while let Ok((_, peer)) = ports_seen.recv_from(&mut buffer).await {
            let _ = ports_seen.send_to(peer.port().to_string().as_bytes(), peer).await;
        }
    });
    let text = manifest::class()
        + &manifest::gateway_with(
            "gw",
            &format!(
                "[{{name: tcp, protocol: TCP, port: {port}}}, {{name: udp, protocol: UDP, port: {port}}}]"
            ),
            &manifest::parameters_ref("short"),
        )
        + &manifest::parameters("short", "{timeouts: {tcpIdle: 300ms, udpIdle: 300ms}}")
        + &manifest::service("tcp", &[tcp])
        + &udp_service("udp", udp)
        + &stream_route("TCPRoute", "tcp", "tcp", "", "tcp")
        + &stream_route("UDPRoute", "udp", "udp", "", "udp");
    let _gatewright = Gatewright::start(&text).await?;
    let mut stream = TcpStream::connect(local(port)).await?;
    let mut said = Vec::new();
    tokio::time::timeout(wait::PATIENCE, stream.read_to_end(&mut said))
        .await
        .context("the connection stays open")??;
    assert_eq!(said, b"tcp:");
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    socket.connect(local(port)).await?;
    let ask = || async {
        socket.send(b"who am I?").await?;
        let mut buffer = [0; 16];
        let count = tokio::time::timeout(wait::PATIENCE, socket.recv(&mut buffer)).await??;
        anyhow::Ok(buffer[..count].to_vec())
    };
    let first = ask().await?;
    assert_eq!(ask().await?, first, "one session while there is traffic");
    let deadline = std::time::Instant::now() + wait::PATIENCE;
    while ask().await? == first {
        assert!(std::time::Instant::now() < deadline, "the session never ends");
        tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    }
    Ok(())
}

/// One port, by server name: the bytes of one as they are to a backend that has the certificate, those
/// of the other decrypted.
#[tokio::test]
async fn tls_passed_through_and_terminated_on_one_port() -> Result<()> {
    let port = ports::free()?;
    let authority = Authority::new("ca")?;
    let (inner, outer) = (authority.issue(&["pass.test"])?, authority.issue(&["term.test"])?);
    let pass = parrot("inside:", Some(origin::acceptor(&inner, None, &[])?)).await?;
    let term = parrot("plain:", None).await?;
    let text = manifest::class()
        + &manifest::gateway(
            "gw",
            &format!(
                "
  - {{name: pass, protocol: TLS, port: {port}, hostname: pass.test, tls: {{mode: Passthrough}}}}
  - {{name: term, protocol: TLS, port: {port}, hostname: term.test, tls: {{mode: Terminate, certificateRefs: [{{name: outer}}]}}}}"
            ),
        )
        + &manifest::tls_secret("outer", &outer.chain, &outer.key)
        + &manifest::service("pass", &[pass])
        + &manifest::service("term", &[term])
        + &stream_route("TLSRoute", "pass", "pass", "  hostnames: [pass.test]\n", "pass")
        + &stream_route("TLSRoute", "term", "term", "  hostnames: [term.test]\n", "term");
    let _gatewright = Gatewright::start(&text).await?;
    for (name, identity, expected) in [
        ("pass.test", &inner, "inside:ping"),
        ("term.test", &outer, "plain:ping"),
    ] {
        let stream = tls::connect(local(port), name, &[]).await?;
        assert_eq!(tls::certificate(&stream)?, identity.der.as_ref(), "{name}");
        assert_eq!(ping(stream).await?, expected);
    }
    assert!(tls::connect(local(port), "nobody.test", &[]).await.is_err());
    Ok(())
}
