use super::{AssembleError, Assembler, ClientLimits};
use crate::key::PartKey;
use crate::part::{Content, Head, PartError};
use crate::wire;
use gatewright_model::certificate::{Certificate, Secret};
use gatewright_model::key::{CertificateKey, ObjectName, RouteKey, RouteKind};
use gatewright_model::route::HttpRoute;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn name() -> ObjectName {
    ObjectName::new("a", "gw")
}

fn head() -> Content {
    Content::Head(Box::new(Head {
        class: "c".into(),
        controller: "gatewright.dev/software".into(),
        addresses: Vec::new(),
        infrastructure: gatewright_model::balancer::Infrastructure::default(),
        backend_client_certificate: None,
        tracing: None,
    }))
}

fn route(name: &str, created: i64) -> Content {
    Content::HttpRoute(Arc::new(HttpRoute {
        key: RouteKey {
            kind: RouteKind::Http,
            object: ObjectName::new("a", name),
        },
        created,
        attachments: Vec::new(),
        rules: Vec::new(),
    }))
}

fn certificate() -> Certificate {
    Certificate {
        key: CertificateKey(name()),
        chain: vec![Arc::from(&b"chain"[..])],
        private_key: Secret::new(*b"very private key"),
        fingerprint: "00".into(),
        names: Vec::new(),
        not_after: 0,
    }
}

fn part(content: &Content) -> wire::Part {
    wire::Part {
        key: Some(content.key().to_wire()),
        payload: content.encode().unwrap(),
    }
}

fn changes(parts: Vec<wire::Part>, commit: Option<u64>) -> wire::Changes {
    wire::Changes {
        gateways: vec![wire::GatewayChanges {
            namespace: "a".to_owned(),
            name: "gw".to_owned(),
            parts,
            ..wire::GatewayChanges::default()
        }],
        commit,
    }
}

fn welcomed() -> Assembler {
    let mut assembler = Assembler::new(ClientLimits::default());
    assembler.welcome(&wire::Welcome {
        session: "s".to_owned(),
        base: 0,
    });
    assembler
}

#[test]
fn changes_without_a_greeting_are_refused() {
    let mut assembler = Assembler::new(ClientLimits::default());
    let sent = changes(vec![part(&head())], Some(1));
    assert_eq!(assembler.take(sent.clone()), Err(AssembleError::Order));
    let mut assembler = welcomed();
    assembler.disconnected();
    assert_eq!(assembler.take(sent), Err(AssembleError::Order));
}

/// Nothing of a complete configuration is visible before its end, and a break throws it away.
#[test]
fn a_configuration_takes_effect_as_a_whole() {
    let mut assembler = welcomed();
    assembler
        .take(changes(vec![part(&head()), part(&route("r", 1))], Some(5)))
        .unwrap();
    assert_eq!(assembler.configuration().len(), 1);
    assembler.welcome(&wire::Welcome {
        session: "t".to_owned(),
        base: 0,
    });
    assembler.take(changes(vec![part(&route("r", 2))], None)).unwrap();
    let held = assembler.configuration();
    assert_eq!(held[0].balancer.http_routes.values().next().unwrap().created, 1);
    assembler.disconnected();
    assembler.welcome(&wire::Welcome {
        session: "t".to_owned(),
        base: 0,
    });
    assert_eq!(assembler.take(changes(Vec::new(), Some(6))), Ok(Some(6)));
    assert!(
        assembler.configuration().is_empty(),
        "whatever was not sent again is gone"
    );
}

/// A part that cannot be read is refused alone, with its reason; its form before stays in use, also when
/// the controller starts over.
#[test]
fn an_unreadable_part_hurts_only_itself() {
    let mut assembler = welcomed();
    let good = [head(), route("r", 1), route("other", 1)];
    assembler
        .take(changes(good.iter().map(part).collect(), Some(5)))
        .unwrap();
    let damaged = wire::Part {
        payload: vec![0xa1, 0x61].into(),
        ..part(&route("r", 2))
    };
    let foreign = wire::Part {
        key: Some(route("r", 1).key().to_wire()),
        ..part(&route("another", 1))
    };
    let unknown = wire::Part {
        key: Some(wire::PartKey {
            kind: 99,
            ..wire::PartKey::default()
        }),
        payload: vec![0].into(),
    };
    for bad in [damaged.clone(), foreign] {
        let sent = changes(vec![bad, unknown.clone(), part(&route("other", 7))], Some(6));
        assembler.take(sent).unwrap();
        let refused: Vec<_> = assembler.refused().map(|(_, object, _)| object).collect();
        assert_eq!(refused, ["HTTPRoute/a/r"]);
        let held = assembler.configuration();
        let created: Vec<i64> = held[0]
            .balancer
            .http_routes
            .values()
            .map(|route| route.created)
            .collect();
        assert_eq!(created, [7, 1]);
    }
    assembler.welcome(&wire::Welcome {
        session: "t".to_owned(),
        base: 0,
    });
    assembler
        .take(changes(vec![part(&head()), damaged], Some(1)))
        .unwrap();
    assert_eq!(assembler.configuration()[0].balancer.http_routes.len(), 1);
    assembler
        .take(changes(vec![part(&route("r", 3))], Some(2)))
        .unwrap();
    assert_eq!(assembler.refused().count(), 0, "mended");
}

#[test]
fn the_size_of_a_configuration_is_bounded() {
    let limits = ClientLimits {
        parts: 10,
        bytes: 1_000,
        ..ClientLimits::default()
    };
    for (count, length) in [(11, 1), (3, 400)] {
        let mut assembler = Assembler::new(limits.clone());
        assembler.welcome(&wire::Welcome::default());
        let name = |number: usize| format!("{}{number}", "n".repeat(length));
        let parts = (0..count).map(|number| part(&route(&name(number), 1))).collect();
        let taken = assembler.take(changes(parts, None));
        assert!(matches!(taken, Err(AssembleError::TooLarge { .. })), "{taken:?}");
    }
}

/// Fields of newer versions are skipped, however deep and long they claim to be; absent ones take defaults;
/// a variant that this version does not know is refused.
#[test]
fn neighbouring_versions_understand_each_other() {
    let Content::HttpRoute(known) = route("r", 1) else {
        unreachable!();
    };
    let key = PartKey::Route(known.key.clone());
    let payload = route("r", 1).encode().unwrap();
    // A map of four fields becomes one of five.
    assert_eq!(payload[0], 0xa4);
    let with = |field: &[u8]| {
        let mut bytes = vec![0xa5];
        bytes.extend_from_slice(&payload[1..]);
        bytes.extend_from_slice(b"\x65newer");
        bytes.extend_from_slice(field);
        Content::decode(&key, &bytes)
    };
    assert_eq!(with(b"\x01"), Ok(route("r", 1)));
    assert_eq!(with(b"\xa1\x61x\x82\x01\xf6"), Ok(route("r", 1)));
    let mut deep = vec![0x81; 1_000_000];
    deep.push(0x01);
    assert_eq!(with(&deep), Ok(route("r", 1)), "no recursion");
    for hostile in [
        &b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff"[..],
        b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x9f\x9f\x9f",
        b"",
    ] {
        assert!(matches!(with(hostile), Err(PartError::Decode(_))), "{hostile:?}");
    }
    let claims = b"\xa4\x63key\x9b\xff\xff\xff\xff\xff\xff\xff\xff";
    assert!(Content::decode(&key, claims).is_err());
    let mut longer = payload.to_vec();
    longer.push(0);
    assert!(Content::decode(&key, &longer).is_err(), "bytes behind the end");
}

/// Whatever is done to a payload, decoding ends soon, without a panic.
#[test]
fn damaged_payloads_are_refused_quickly() {
    let mut random = fastrand::Rng::with_seed(3);
    let originals = [
        head(),
        route("r", 1),
        Content::Certificate(Arc::new(certificate())),
    ];
    let begun = Instant::now();
    for original in originals {
        let payload = original.encode().unwrap();
        for _ in 0..20_000 {
            let mut bytes = payload.to_vec();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..bytes.len());
                match random.u8(..3) {
                    0 => bytes[at] = random.u8(..),
                    1 => bytes.insert(at, random.u8(..)),
                    _ => {
                        bytes.remove(at);
                    }
                }
            }
            let _ = Content::decode(&original.key(), &bytes);
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(30));
}

/// No message about a certificate quotes it.
#[test]
fn errors_about_certificates_hold_nothing_of_them() {
    let content = Content::Certificate(Arc::new(certificate()));
    let payload = content.encode().unwrap();
    assert!(
        payload.windows(16).any(|bytes| bytes == b"very private key"),
        "it does travel"
    );
    // The same bytes as text: a decoder that says what it found would quote them.
    let at = payload
        .windows(16)
        .position(|bytes| bytes == b"very private key")
        .unwrap();
    let mut bytes = payload.to_vec();
    assert_eq!(bytes[at - 1], 0x50);
    bytes[at - 1] = 0x70;
    let error = Content::decode(&content.key(), &bytes).unwrap_err();
    assert!(!error.to_string().contains("very"), "{error}");
    let shown = format!("{:?} {:?}", part(&content), content);
    assert!(
        !shown.contains("very private") && shown.contains("<redacted>"),
        "{shown}"
    );
    let numbers = format!("{:?}", b"very private key");
    assert!(!shown.contains(numbers.trim_matches(['[', ']'])), "{shown}");
}
