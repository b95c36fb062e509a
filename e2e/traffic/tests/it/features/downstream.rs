//! What clients speak: versions, TLS, certificates of either side, who they are.

use super::{Site, local, route_to};
use anyhow::Result;
use gatewright_traffic::client::{self, exchange};
use gatewright_traffic::echo::Speaks;
use gatewright_traffic::pki::Authority;
use gatewright_traffic::{Echo, Gatewright, Origin, manifest, ports, tls};
use http::Version;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn every_version_in_cleartext() -> Result<()> {
    let origin = Origin::named("hello").await?;
    let site = Site::new(&(manifest::service("a", &[origin.address]) + &route_to("a"))).await?;
    // HTTP/1.0: answered and closed; Host may be missing when every name is served.
    let old = client::raw(site.address, b"GET /old HTTP/1.0\r\n\r\n").await?;
    assert_eq!(client::status_of(&old), 200, "{old}");
    assert!(old.ends_with("hello"), "{old}");
    assert_eq!(origin.last()?.target, "/old");
    // HTTP/1.1: the connection goes on.
    let mut stream = TcpStream::connect(site.address).await?;
    for _ in 0..2 {
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
            .await?;
        let mut head = vec![0; 1024];
        let count = stream.read(&mut head).await?;
        assert!(head[..count].starts_with(b"HTTP/1.1 200"));
    }
    // HTTP/2 with prior knowledge, found out by its preface.
    let answer = client::send(site.address, Speaks::Http2, client::get("a.test", "/two")?).await?;
    assert_eq!((answer.status, answer.text().as_str()), (200, "hello"));
    assert_eq!(origin.last()?.target, "/two");
    Ok(())
}

/// SNI chooses the listener, and among its certificates the one that fits; ALPN the version; a Host of
/// another listener gets 421 (RFC 9110 section 15.5.20).
#[tokio::test]
async fn https_with_several_names() -> Result<()> {
    let port = ports::free()?;
    let authority = Authority::new("ca")?;
    let (one, two, alone) = (
        authority.issue(&["one.shop.test"])?,
        authority.issue(&["two.shop.test"])?,
        authority.issue(&["alone.test"])?,
    );
    let (shop, other) = (Origin::named("shop").await?, Origin::named("other").await?);
    let text = manifest::class()
        + &manifest::gateway(
            "gw",
            &format!(
                "
  - {{name: shop, protocol: HTTPS, port: {port}, hostname: '*.shop.test', tls: {{certificateRefs: [{{name: one}}, {{name: two}}]}}}}
  - {{name: alone, protocol: HTTPS, port: {port}, hostname: alone.test, tls: {{certificateRefs: [{{name: alone}}]}}}}"
            ),
        )
        + &manifest::tls_secret("one", &one.chain, &one.key)
        + &manifest::tls_secret("two", &two.chain, &two.key)
        + &manifest::tls_secret("alone", &alone.chain, &alone.key)
        + &manifest::service("shop", &[shop.address])
        + &manifest::service("other", &[other.address])
        + &manifest::http_route(
            "shop",
            "gw, sectionName: shop",
            "  rules: [{backendRefs: [{name: shop, port: 80}]}]",
        )
        + &manifest::http_route(
            "alone",
            "gw, sectionName: alone",
            "  rules: [{backendRefs: [{name: other, port: 80}]}]",
        );
    let _gatewright = Gatewright::start(&text).await?;
    for (name, identity, body) in [
        ("one.shop.test", &one, "shop"),
        ("two.shop.test", &two, "shop"),
        ("alone.test", &alone, "other"),
    ] {
        for (alpn, speaks) in [(&["h2", "http/1.1"][..], Speaks::Http2), (&[][..], Speaks::Http1)] {
            let stream = tls::connect(local(port), name, alpn).await?;
            assert_eq!(tls::certificate(&stream)?, identity.der.as_ref(), "{name}");
            let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            assert_eq!(h2, speaks == Speaks::Http2, "{name}");
            let answer = exchange(stream, speaks, client::get(name, "/")?).await?;
            assert_eq!((answer.status, answer.text().as_str()), (200, body), "{name}");
        }
    }
    let stream = tls::connect(local(port), "one.shop.test", &["http/1.1"]).await?;
    let misdirected = exchange(stream, Speaks::Http1, client::get("alone.test", "/")?).await?;
    assert_eq!(misdirected.status, 421);
    assert!(tls::connect(local(port), "nobody.test", &[]).await.is_err());
    Ok(())
}

/// FrontendTLSValidation: without a valid certificate no entry, or entry as a stranger, by port.
#[tokio::test]
async fn certificates_of_clients() -> Result<()> {
    let (strict, lax) = (ports::free()?, ports::free()?);
    let (authority, foreign) = (Authority::new("ca")?, Authority::new("foreign")?);
    let server = authority.issue(&["a.test"])?;
    let (known, stranger) = (authority.issue(&["client"])?, foreign.issue(&["client"])?);
    let echo = Echo::start("echo").await?;
    let listener = |name: &str, port: u16| {
        format!(
            "{{name: {name}, protocol: HTTPS, port: {port}, tls: {{certificateRefs: [{{name: server}}]}}}}"
        )
    };
    let validation = "caCertificateRefs: [{group: \"\", kind: ConfigMap, name: ca}]";
    let text = manifest::class()
        + &manifest::gateway_with(
            "gw",
            &format!("[{}, {}]", listener("strict", strict), listener("lax", lax)),
            &format!(
                "  tls:
    frontend:
      default: {{validation: {{{validation}}}}}
      perPort: [{{port: {lax}, tls: {{validation: {{mode: AllowInsecureFallback, {validation}}}}}}}]"
            ),
        )
        + &manifest::tls_secret("server", &server.chain, &server.key)
        + &manifest::authorities("ca", &authority.pem)
        + &manifest::service("echo", &[echo.address])
        + &route_to("echo");
    let _gatewright = Gatewright::start(&text).await?;
    let ask = |port: u16, own| async move {
        let stream = tls::connect_as(local(port), "a.test", &["http/1.1"], own).await?;
        exchange(stream, Speaks::Http1, client::get("a.test", "/")?).await
    };
    assert_eq!(ask(strict, Some(&known)).await?.status, 200);
    assert!(ask(strict, Some(&stranger)).await.is_err());
    assert!(ask(strict, None).await.is_err());
    for own in [Some(&known), Some(&stranger), None] {
        assert_eq!(ask(lax, own).await?.status, 200);
    }
    Ok(())
}

/// The client is who the header of a load balancer in front says, in both versions of the protocol;
/// who should send one and does not is closed.
#[tokio::test]
async fn proxy_protocol_of_a_load_balancer() -> Result<()> {
    let origin = Origin::named("hello").await?;
    let objects = manifest::service("a", &[origin.address])
        + &route_to("a")
        + &manifest::parameters(
            "edge",
            "{proxyProtocol: {requiredFrom: [127.0.0.0/8]}, timeouts: {header: 2s}}",
        );
    let site = Site::with(&objects, &manifest::parameters_ref("edge"), &[]).await?;
    let request = b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
    let v1 = b"PROXY TCP4 203.0.113.7 192.0.2.1 5555 80\r\n".to_vec();
    let v2 = [
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".as_slice(),
        &[203, 0, 113, 7, 192, 0, 2, 1],
        &5555_u16.to_be_bytes(),
        &80_u16.to_be_bytes(),
    ]
    .concat();
    for header in [v1, v2] {
        let answer = client::raw(site.address, &[&header[..], request].concat()).await?;
        assert_eq!(client::status_of(&answer), 200, "{answer}");
        assert_eq!(origin.last()?.header("x-forwarded-for"), "203.0.113.7");
    }
    assert_eq!(client::raw(site.address, request).await?, "");
    assert_eq!(origin.seen().len(), 2);
    Ok(())
}

/// A stranger's claims about itself are overwritten, those of a trusted proxy extended; every request
/// has an id.
#[tokio::test]
async fn forwarding_headers_and_request_ids() -> Result<()> {
    let origin = Origin::named("hello").await?;
    let objects = manifest::service("a", &[origin.address]) + &route_to("a");
    let claims = [
        ("x-forwarded-for", "198.51.100.1"),
        ("x-forwarded-proto", "https"),
        ("x-request-id", "mine"),
    ];
    let site = Site::new(&objects).await?;
    assert_eq!(site.ask("GET", "/", &claims).await?.status, 200);
    let seen = origin.last()?;
    assert_eq!(seen.header("x-forwarded-for"), "127.0.0.1");
    assert_eq!(seen.header("x-forwarded-proto"), "http");
    assert_eq!(seen.header("x-forwarded-host"), "any.test");
    assert!(!["", "mine"].contains(&seen.header("x-request-id").as_str()));
    assert_eq!(seen.header("forwarded"), "");
    assert!(seen.header("via").contains("gatewright"));

    let trusting = objects
        + &manifest::parameters(
            "edge",
            "{forwarding: {trustedCidrs: [127.0.0.0/8], sendForwarded: true}}",
        );
    let site = Site::with(&trusting, &manifest::parameters_ref("edge"), &[]).await?;
    assert_eq!(site.ask("GET", "/", &claims).await?.status, 200);
    let seen = origin.last()?;
    let hops = seen.header("x-forwarded-for").replace(' ', "");
    assert_eq!(hops, "198.51.100.1,127.0.0.1");
    assert_eq!(seen.header("x-forwarded-proto"), "https");
    assert_eq!(seen.header("x-request-id"), "mine");
    assert!(seen.header("forwarded").contains("for=127.0.0.1"));
    Ok(())
}

/// gRPC: calls go by service and method, as HTTP/2 to the backend, with trailers; what has no route is
/// unimplemented.
#[tokio::test]
async fn grpc_routes() -> Result<()> {
    use gatewright_traffic::grpc::{message, payload};
    use gatewright_traffic::origin::Reply;
    let backend = Origin::grpc(|seen, _| Reply::Call(payload(&seen.body).to_vec().into())).await?;
    let objects = manifest::service("orders", &[backend.address])
        + "---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: orders, namespace: default}
spec:
  parentRefs: [{name: gw}]
  rules:
  - matches: [{method: {service: shop.Orders, method: Get}, headers: [{name: x-tenant, value: blue}]}]
    filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-seen, value: proxy}]}}]
    backendRefs: [{name: orders, port: 80}]
";
    let site = Site::new(&objects).await?;
    let call = |path: &'static str, tenant: &'static str| {
        let mut request = client::request(
            "POST",
            "any.test",
            path,
            &[
                ("content-type", "application/grpc"),
                ("te", "trailers"),
                ("x-tenant", tenant),
            ],
        )?;
        *request.body_mut() = message(b"hello").into();
        anyhow::Ok(client::send(site.address, Speaks::Http2, request))
    };
    let answer = call("/shop.Orders/Get", "blue")?.await?;
    assert_eq!((answer.status, payload(&answer.body)), (200, &b"hello"[..]));
    assert_eq!(answer.trailers["grpc-status"], "0");
    let seen = backend.last()?;
    assert_eq!(
        (seen.version, seen.header("x-seen").as_str()),
        (Version::HTTP_2, "proxy")
    );
    for (path, tenant) in [("/shop.Orders/Get", "red"), ("/shop.Orders/List", "blue")] {
        let answer = call(path, tenant)?.await?;
        // UNIMPLEMENTED, as gRPC's mapping of 404 says.
        assert_eq!(
            (answer.status, answer.header("grpc-status").as_str()),
            (200, "12"),
            "{path}"
        );
    }
    Ok(())
}
