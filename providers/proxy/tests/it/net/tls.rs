//! TLS at the listener: choice of listener and certificate, client certificates, one port for
//! termination and passthrough, rotation.

use super::world::*;
use gatewright_model::key::RouteKind;
use gatewright_model::listener::{ClientValidation, ClientValidationMode, ListenerTls, Protocol};
use std::io::{Read, Write};
use std::sync::Arc;

fn shown(tls: &Tls) -> Vec<u8> {
    tls.conn.peer_certificates().unwrap()[0].to_vec()
}

/// Most specific listener first, then the most specific certificate of the listener
/// (Gateway API v1.7.0, `Listener.hostname`; RFC 9525 section 6.3 for wildcards).
#[test]
fn sni_selects_listener_and_certificate() {
    let authority = Authority::new("ca");
    let (a, wild, other) = (
        authority.issue(&["a.example.com"]),
        authority.issue(&["*.example.com"]),
        authority.issue(&["exact.test", "*.other.test"]),
    );
    let port = free_port();
    let mut world = World::new("sni");
    world.certificate("a", &a);
    world.certificate("wild", &wild);
    world.certificate("other", &other);
    world.https("one", port, "a.example.com", &["a"]);
    world.https("two", port, "*.example.com", &["wild"]);
    world.https("rest", port, "", &["wild", "other"]);
    world.backend("be", &[origin("be")], None);
    for listener in ["one", "two", "rest"] {
        world.route(listener, listener, "", prefix("/"), &[("be", 1)]);
    }
    let proxy = serve(&world);
    let config = client_config(&authority, &["http/1.1"], None);
    for (name, expected) in [
        ("a.example.com", &a),
        ("A.Example.com", &a),
        ("b.example.com", &wild),
        ("exact.test", &other),
        ("x.other.test", &other),
    ] {
        let mut tls = tls(local(port), name, &config).unwrap();
        assert_eq!(shown(&tls), expected.leaf().to_vec(), "{name}");
        assert_eq!(tls.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        assert_eq!(
            get(&mut tls, &name.to_ascii_lowercase(), "/"),
            (200, "be".to_owned()),
            "{name}"
        );
    }
    // Without a name the listener for any host serves, with its default certificate.
    let mut anonymous = Arc::unwrap_or_clone(config);
    anonymous.enable_sni = false;
    let tls = tls(local(port), "b.example.com", &Arc::new(anonymous)).unwrap();
    assert_eq!(shown(&tls), wild.leaf().to_vec());
    drop(proxy);
}

/// A name that no listener serves gets `unrecognized_name` (RFC 6066 section 3), not somebody else's
/// certificate.
#[test]
fn an_unknown_name_is_refused() {
    let authority = Authority::new("ca");
    let issued = authority.issue(&["a.example.com"]);
    let port = free_port();
    let mut world = World::new("unknown");
    world.certificate("a", &issued);
    world.https("one", port, "a.example.com", &["a"]);
    let proxy = serve(&world);
    let config = client_config(&authority, &[], None);
    let error = tls(local(port), "b.example.com", &config).unwrap_err();
    assert!(
        error.to_string().contains("UnrecognizedName") || error.to_string().contains("UnrecognisedName"),
        "{error}"
    );
    // And what is no TLS at all is told so.
    let mut plain = connect(local(port));
    plain
        .write_all(b"GET / HTTP/1.1\r\nHost: a.example.com\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert_eq!(answer, [21, 3, 3, 0, 2, 2, 50]);
    eventually("both to be counted", || {
        let text = proxy.shared().observer.metrics_text();
        text.contains("gatewright_tls_handshake_failures_total 2\n")
            .then_some(())
    });
}

/// ALPN: HTTP/2 is chosen when the client offers it.
#[test]
fn alpn_offers_h2() {
    let authority = Authority::new("ca");
    let issued = authority.issue(&["a.test"]);
    let port = free_port();
    let mut world = World::new("alpn");
    world.certificate("a", &issued);
    world.https("one", port, "", &["a"]);
    let _proxy = serve(&world);
    let config = client_config(&authority, &["http/1.1", "h2"], None);
    let tls = tls(local(port), "a.test", &config).unwrap();
    assert_eq!(tls.conn.alpn_protocol(), Some(&b"h2"[..]));
}

/// A listener with an RSA and an ECDSA certificate for one name shows each client one it can verify.
#[test]
fn the_certificate_fits_the_clients_algorithms() {
    let authority = Authority::new("ca");
    let ecdsa = authority.issue(&["a.test"]);
    let ed25519 = authority.issue_with(&["a.test"], &rcgen::PKCS_ED25519);
    let port = free_port();
    let mut world = World::new("algorithms");
    world.certificate("first", &ed25519);
    world.certificate("second", &ecdsa);
    world.https("one", port, "", &["first", "second"]);
    let _proxy = serve(&world);
    // A client without Ed25519.
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    let all = provider.signature_verification_algorithms;
    let mapping: Vec<_> = all
        .mapping
        .iter()
        .copied()
        .filter(|(scheme, _)| *scheme != rustls::SignatureScheme::ED25519)
        .collect();
    provider.signature_verification_algorithms = rustls::crypto::WebPkiSupportedAlgorithms {
        all: all.all,
        mapping: mapping.leak(),
    };
    let limited = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(authority.roots())
        .with_no_client_auth();
    assert_eq!(
        shown(&tls(local(port), "a.test", &Arc::new(limited)).unwrap()),
        ecdsa.leaf().to_vec()
    );
    let able = client_config(&authority, &[], None);
    assert_eq!(
        shown(&tls(local(port), "a.test", &able).unwrap()),
        ed25519.leaf().to_vec()
    );
}

/// `Gateway.spec.tls.frontend` (GEP-91): `AllowValidOnly` fails the handshake, `AllowInsecureFallback`
/// does not. A session of an open listener opens no closed one.
#[test]
fn client_certificate_modes() {
    let (authority, clients, strangers) = (
        Authority::new("ca"),
        Authority::new("clients"),
        Authority::new("strangers"),
    );
    let issued = authority.issue(&["a.test"]);
    let (strict, lenient, open) = (free_port(), free_port(), free_port());
    let mut world = World::new("mtls");
    world.certificate("a", &issued);
    let validation = |mode| {
        Some(ClientValidation {
            mode,
            trust: clients.anchors(),
        })
    };
    for (name, port, validation) in [
        ("strict", strict, validation(ClientValidationMode::AllowValidOnly)),
        (
            "lenient",
            lenient,
            validation(ClientValidationMode::AllowInsecureFallback),
        ),
        ("open", open, None),
    ] {
        world.listen(
            name,
            Protocol::Https,
            port,
            "",
            Some(terminate(&["a"], validation)),
        );
    }
    world.backend("be", &[origin("be")], None);
    for listener in ["strict", "lenient", "open"] {
        world.route(listener, listener, "", prefix("/"), &[("be", 1)]);
    }
    let _proxy = serve(&world);
    let (good, bad) = (clients.issue(&["client"]), strangers.issue(&["client"]));
    let served = |port: u16, own: Option<&Issued>| {
        let config = client_config(&authority, &["http/1.1"], own);
        let result = tls(local(port), "a.test", &config).and_then(|mut tls| try_get(&mut tls, "a.test", "/"));
        result.is_ok_and(|(status, _)| status == 200)
    };
    assert!(served(strict, Some(&good)));
    assert!(!served(strict, Some(&bad)));
    assert!(!served(strict, None));
    assert!(served(lenient, Some(&good)));
    assert!(served(lenient, Some(&bad)));
    assert!(served(lenient, None));

    // One client, one session store: first the open port, then the strict one for the same name.
    let config = client_config(&authority, &["http/1.1"], None);
    for _ in 0..2 {
        let mut session = tls(local(open), "a.test", &config).unwrap();
        assert_eq!(get(&mut session, "a.test", "/").0, 200);
    }
    let crossed = tls(local(strict), "a.test", &config).and_then(|mut tls| try_get(&mut tls, "a.test", "/"));
    assert!(crossed.is_err(), "{crossed:?}");
}

/// Sessions are resumed, by tickets, also after the certificate has rotated.
#[test]
fn sessions_are_resumed() {
    let authority = Authority::new("ca");
    let port = free_port();
    let mut world = World::new("resume");
    world.certificate("a", &authority.issue(&["a.test"]));
    world.https("one", port, "", &["a"]);
    let proxy = serve(&world);
    let config = client_config(&authority, &["http/1.1"], None);
    let kind = || {
        let mut tls = tls(local(port), "a.test", &config).unwrap();
        // The ticket comes with the first data.
        assert_eq!(get(&mut tls, "a.test", "/").0, 404);
        tls.conn.handshake_kind().unwrap()
    };
    assert_eq!(kind(), rustls::HandshakeKind::Full);
    assert_eq!(kind(), rustls::HandshakeKind::Resumed);
    world.certificate("a", &authority.issue(&["a.test"]));
    assert_served(&proxy.apply(&[world.placement()]));
    assert_eq!(kind(), rustls::HandshakeKind::Resumed);
}

/// TLSRoute passthrough, TLS terminated to TCP and HTTPS, on one port, told apart by SNI
/// (Gateway API v1.7.0, `TLSRoute`; TLSRouteModeMixed).
#[test]
fn passthrough_and_termination_share_a_port() {
    let authority = Authority::new("ca");
    let (ours, theirs) = (
        authority.issue(&["*.gw.test"]),
        authority.issue(&["pass.test", "other.pass.test"]),
    );
    let port = free_port();
    let mut world = World::new("mixed");
    world.certificate("gw", &ours);
    world.https("https", port, "web.gw.test", &["gw"]);
    world.listen(
        "terminate",
        Protocol::Tls,
        port,
        "tcp.gw.test",
        Some(terminate(&["gw"], None)),
    );
    world.listen(
        "pass",
        Protocol::Tls,
        port,
        "pass.test",
        Some(ListenerTls::Passthrough),
    );
    world.listen(
        "pass-wild",
        Protocol::Tls,
        port,
        "*.pass.test",
        Some(ListenerTls::Passthrough),
    );
    world.backend("web", &[origin("web")], None);
    world.backend("tcp", &[origin("tcp")], None);
    world.backend("inner", &[tls_origin("inner", &theirs, None)], None);
    world.route("web", "https", "", prefix("/"), &[("web", 1)]);
    world.stream(RouteKind::Tls, ("tcp", 0), "terminate", "", &[("tcp", 1)]);
    world.stream(RouteKind::Tls, ("inner", 0), "pass", "", &[("inner", 1)]);
    world.stream(
        RouteKind::Tls,
        ("other", 0),
        "pass-wild",
        "other.pass.test",
        &[("inner", 1)],
    );
    let _proxy = serve(&world);
    let config = client_config(&authority, &[], None);
    for (name, body, certificate) in [
        ("web.gw.test", "web", &ours),
        ("tcp.gw.test", "tcp", &ours),
        ("pass.test", "inner", &theirs),
        ("other.pass.test", "inner", &theirs),
    ] {
        let mut tls = tls(local(port), name, &config).unwrap();
        assert_eq!(shown(&tls), certificate.leaf().to_vec(), "{name}");
        assert_eq!(get(&mut tls, name, "/"), (200, body.to_owned()), "{name}");
    }
    // A name that a listener serves but no route does, and one that no listener serves: closed without a
    // word (conformance test TLSRouteHostnameIntersection).
    for name in ["none.pass.test", "none.test"] {
        let error = tls(local(port), name, &config).unwrap_err();
        assert_eq!(
            error.kind(),
            std::io::ErrorKind::ConnectionReset,
            "{name}: {error}"
        );
    }

    // A ClientHello that comes byte by byte is passed through all the same.
    let name = rustls::pki_types::ServerName::try_from("pass.test").unwrap();
    let mut client = rustls::ClientConnection::new(config, name).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    let mut stream = connect(local(port));
    for byte in hello {
        stream.write_all(&[byte]).unwrap();
    }
    let mut slow = rustls::StreamOwned::new(client, stream);
    assert_eq!(get(&mut slow, "pass.test", "/").1, "inner");
}

/// A rotated certificate is shown to new connections at once; established ones go on.
#[test]
fn rotation_drops_no_connection() {
    let authority = Authority::new("ca");
    let (before, after) = (authority.issue(&["a.test"]), authority.issue(&["a.test"]));
    let port = free_port();
    let mut world = World::new("rotate");
    world.certificate("a", &before);
    world.https("one", port, "", &["a"]);
    world.backend("be", &[origin("be")], None);
    world.route("r", "one", "", prefix("/"), &[("be", 1)]);
    let proxy = serve(&world);
    let config = || client_config(&authority, &["http/1.1"], None);
    let mut old = tls(local(port), "a.test", &config()).unwrap();
    assert_eq!(get(&mut old, "a.test", "/").0, 200);
    world.certificate("a", &after);
    assert_served(&proxy.apply(&[world.placement()]));
    let new = tls(local(port), "a.test", &config()).unwrap();
    assert_eq!(shown(&new), after.leaf().to_vec());
    assert_eq!(shown(&old), before.leaf().to_vec());
    assert_eq!(get(&mut old, "a.test", "/").0, 200);

    // One that cannot be used is reported, and the last good one stays.
    let mut broken = after.model(gatewright_model::key::CertificateKey(
        gatewright_model::key::ObjectName::new("test", "a"),
    ));
    broken.private_key = gatewright_model::certificate::Secret::new(b"not a key".to_vec());
    world.0.certificates.insert(broken.key.clone(), Arc::new(broken));
    let report = proxy.apply(&[world.placement()]);
    assert_eq!(report.refusals.len(), 1, "{report:?}");
    assert!(
        report.refusals[0].message.contains("last good form stays in use"),
        "{report:?}"
    );
    assert!(
        report.listeners.iter().all(|outcome| outcome.failure.is_none()),
        "{report:?}"
    );
    assert_eq!(
        shown(&tls(local(port), "a.test", &config()).unwrap()),
        after.leaf().to_vec()
    );
}

/// A listener whose only certificate is unusable fails alone, and its names do not fall to another.
#[test]
fn a_broken_listener_hurts_only_itself() {
    let authority = Authority::new("ca");
    let issued = authority.issue(&["*.example.com"]);
    let port = free_port();
    let mut world = World::new("broken");
    world.certificate("wild", &issued);
    world.https("bad", port, "a.example.com", &["missing"]);
    world.https("good", port, "*.example.com", &["wild"]);
    let proxy = gatewright_proxy::listen::Proxy::start(options()).unwrap();
    let report = proxy.apply(&[world.placement()]);
    for outcome in &report.listeners {
        assert_eq!(
            outcome.failure.is_some(),
            &*outcome.listener.name == "bad",
            "{outcome:?}"
        );
    }
    let config = client_config(&authority, &[], None);
    assert!(tls(local(port), "b.example.com", &config).is_ok());
    assert!(tls(local(port), "a.example.com", &config).is_err());
}
