//! TLS towards backends (Gateway API v1.7.0, `BackendTLSPolicy`).

use super::world::*;
use gatewright_model::backend::{BackendTls, SubjectAltName};
use gatewright_model::certificate::TrustAnchors;
use gatewright_model::key::{CertificateKey, ObjectName, RouteKind};
use gatewright_model::listener::Protocol;
use std::net::SocketAddr;

fn policy(hostname: &str, trust: Option<TrustAnchors>, names: &[SubjectAltName]) -> BackendTls {
    BackendTls {
        hostname: hostname.into(),
        trust,
        subject_alt_names: names.to_vec(),
        client_certificate: None,
    }
}

/// A proxy that terminates TLS and encrypts again by the policy, and what a client is answered.
fn reencrypted(backend: SocketAddr, tls_policy: BackendTls) -> Result<String, std::io::Error> {
    let authority = Authority::new("front");
    let port = free_port();
    let mut world = World::new("reencrypt");
    world.certificate("front", &authority.issue(&["front.test"]));
    world.listen("tls", Protocol::Tls, port, "", Some(terminate(&["front"], None)));
    world.backend("be", &[backend], Some(tls_policy));
    world.stream(RouteKind::Tls, ("route", 0), "tls", "", &[("be", 1)]);
    let _proxy = serve(&world);
    let mut client = tls(local(port), "front.test", &client_config(&authority, &[], None))?;
    try_get(&mut client, "front.test", "/").map(|(_, body)| body)
}

#[test]
fn hostname_trust_and_names_are_verified() {
    let (authority, stranger) = (Authority::new("backends"), Authority::new("stranger"));
    let issued = authority.issue(&["be.internal", "*.wild.internal", "spiffe://test/ns/x/sa/y"]);
    let backend = tls_origin("secure", &issued, None);
    let trusted = || Some(authority.anchors());
    let dns = |name: &str| SubjectAltName::Hostname(name.into());
    let uri = |uri: &str| SubjectAltName::Uri(uri.into());
    let good = [
        policy("be.internal", trusted(), &[]),
        policy("x.wild.internal", trusted(), &[]),
        // With names the hostname is sent only (`validation.subjectAltNames`).
        policy("elsewhere.test", trusted(), &[uri("spiffe://test/ns/x/sa/y")]),
        policy(
            "elsewhere.test",
            trusted(),
            &[dns("no.internal"), dns("be.internal")],
        ),
        policy("elsewhere.test", trusted(), &[dns("*.wild.internal")]),
        // Encrypted without verification: only what is not a BackendTLSPolicy may ask for it.
        policy("elsewhere.test", None, &[]),
    ];
    for tls in good {
        assert_eq!(reencrypted(backend, tls.clone()).unwrap(), "secure", "{tls:?}");
    }
    let bad = [
        policy("other.internal", trusted(), &[]),
        policy("be.internal", Some(stranger.anchors()), &[]),
        policy("be.internal", trusted(), &[dns("no.internal")]),
        policy("be.internal", trusted(), &[uri("spiffe://test/ns/x/sa/z")]),
        policy("be.internal", Some(stranger.anchors()), &[dns("be.internal")]),
        policy("be.internal", trusted(), &[dns("*.internal.wild")]),
    ];
    for tls in bad {
        assert!(reencrypted(backend, tls.clone()).is_err(), "{tls:?}");
    }
}

/// `Gateway.spec.tls.backend.clientCertificateRef`: the proxy proves who it is; a rotated certificate
/// is used without a change of the backend.
#[test]
fn the_gateways_client_certificate_is_shown() {
    let (front, backends, clients) = (
        Authority::new("front"),
        Authority::new("backends"),
        Authority::new("clients"),
    );
    let backend = tls_origin("mutual", &backends.issue(&["be.internal"]), Some(&clients));
    let port = free_port();
    let mut world = World::new("mutual");
    world.certificate("front", &front.issue(&["front.test"]));
    world.listen("tls", Protocol::Tls, port, "", Some(terminate(&["front"], None)));
    world.backend(
        "be",
        &[backend],
        Some(policy("be.internal", Some(backends.anchors()), &[])),
    );
    world.stream(RouteKind::Tls, ("route", 0), "tls", "", &[("be", 1)]);
    let proxy = serve(&world);
    let ask = || {
        let mut client = tls(local(port), "front.test", &client_config(&front, &[], None))?;
        try_get(&mut client, "front.test", "/").map(|(_, body)| body)
    };
    assert!(ask().is_err());
    world.certificate("gateway", &clients.issue(&["gateway"]));
    world.0.backend_client_certificate = Some(CertificateKey(ObjectName::new("test", "gateway")));
    assert_served(&proxy.apply(&[world.placement()]));
    assert_eq!(ask().unwrap(), "mutual");
    // One that the backend does not accept: rotation takes effect.
    world.certificate("gateway", &front.issue(&["gateway"]));
    assert_served(&proxy.apply(&[world.placement()]));
    assert!(ask().is_err());
    world.certificate("gateway", &clients.issue(&["gateway"]));
    assert_served(&proxy.apply(&[world.placement()]));
    assert_eq!(ask().unwrap(), "mutual");
}
