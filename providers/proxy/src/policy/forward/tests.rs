use super::{apply, client_address, is_request_id, uuid};
use crate::http::RequestHead;
use crate::policy::chain::tests::{connection, port, request};
use crate::runtime::ForwardingOptions;

fn with(fields: &[(&str, &str)]) -> RequestHead {
    let mut head = request("GET", "shop.example:8080", "/");
    for (name, value) in fields {
        head.headers
            .append_raw(name.as_bytes(), value.as_bytes())
            .unwrap();
    }
    head
}

fn get<'a>(head: &'a RequestHead, name: &str) -> Vec<&'a str> {
    head.headers
        .iter()
        .filter(|(field, _)| *field == name)
        .map(|(_, value)| std::str::from_utf8(value).unwrap())
        .collect()
}

const SPOOFED: &[(&str, &str)] = &[
    ("x-forwarded-for", "6.6.6.6"),
    ("x-forwarded-for", "7.7.7.7"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "admin.internal"),
    ("x-forwarded-port", "443"),
    ("x-forwarded-client-cert", "By=me"),
    ("forwarded", "for=6.6.6.6"),
    ("x-real-ip", "6.6.6.6"),
    ("x-request-id", "mine"),
];

#[test]
fn claims_of_a_stranger_are_overwritten() {
    let mut head = with(SPOOFED);
    apply(
        &mut head,
        &connection("192.0.2.7:1000"),
        &port(8080),
        &ForwardingOptions::default(),
    );
    assert_eq!(get(&head, "x-forwarded-for"), ["192.0.2.7"]);
    assert_eq!(get(&head, "x-forwarded-proto"), ["http"]);
    assert_eq!(get(&head, "x-forwarded-host"), ["shop.example:8080"]);
    assert_eq!(get(&head, "x-forwarded-port"), ["8080"]);
    assert!(get(&head, "x-forwarded-client-cert").is_empty());
    assert!(get(&head, "forwarded").is_empty());
    assert!(get(&head, "x-real-ip").is_empty());
    assert_ne!(get(&head, "x-request-id"), ["mine"]);
    assert_eq!(get(&head, "x-request-id").len(), 1);
}

#[test]
fn claims_of_a_trusted_proxy_are_extended() {
    let options = ForwardingOptions {
        trusted_peers: vec!["192.0.2.0/24".parse().unwrap()],
        send_forwarded: true,
        ..ForwardingOptions::default()
    };
    let mut head = with(SPOOFED);
    apply(&mut head, &connection("192.0.2.7:1000"), &port(8080), &options);
    assert_eq!(get(&head, "x-forwarded-for"), ["6.6.6.6,7.7.7.7, 192.0.2.7"]);
    assert_eq!(get(&head, "x-forwarded-proto"), ["https"]);
    assert_eq!(get(&head, "x-forwarded-host"), ["admin.internal"]);
    assert_eq!(get(&head, "x-forwarded-port"), ["443"]);
    assert_eq!(get(&head, "x-request-id"), ["mine"]);
    assert_eq!(
        get(&head, "forwarded"),
        ["for=6.6.6.6, for=192.0.2.7;host=\"shop.example:8080\";proto=http"]
    );
}

/// RFC 7239 section 6: an IPv6 address is bracketed and quoted.
#[test]
fn forwarded_for_ipv6_and_mapped_addresses() {
    let options = ForwardingOptions {
        send_forwarded: true,
        ..ForwardingOptions::default()
    };
    let mut head = with(&[]);
    apply(&mut head, &connection("[2001:db8::1]:1000"), &port(80), &options);
    assert_eq!(
        get(&head, "forwarded"),
        ["for=\"[2001:db8::1]\";host=\"shop.example:8080\";proto=http"]
    );
    let mut head = with(&[]);
    apply(
        &mut head,
        &connection("[::ffff:192.0.2.1]:1000"),
        &port(80),
        &options,
    );
    assert_eq!(get(&head, "x-forwarded-for"), ["192.0.2.1"]);
}

#[test]
fn request_ids_of_clients_are_kept_only_when_asked_and_clean() {
    let options = ForwardingOptions {
        keep_request_id: true,
        ..ForwardingOptions::default()
    };
    for (value, kept) in [("abc-123", true), ("a b", false), ("a\"b", false)] {
        let mut head = with(&[("x-request-id", value), ("x-request-id", "second")]);
        apply(&mut head, &connection("192.0.2.7:1"), &port(80), &options);
        let expected = if kept { value } else { "second" };
        assert_eq!(get(&head, "x-request-id"), [expected]);
    }
    assert!(!is_request_id(&[b'a'; 129]));
    assert!(!is_request_id(b""));
}

#[test]
fn request_ids_are_version_4_uuids() {
    assert_eq!(
        &uuid(0x0123_4567_89ab_4def_8123_4567_89ab_cdef),
        b"01234567-89ab-4def-8123-456789abcdef"
    );
    for _ in 0..100 {
        let id = super::new_request_id();
        assert_eq!(id.get(14), Some(&b'4'));
        assert!(matches!(id.get(19), Some(b'8' | b'9' | b'a' | b'b')));
    }
}

#[test]
fn the_client_is_the_first_untrusted_address_from_the_right() {
    let nets = |list: &[&str]| list.iter().map(|net| net.parse().unwrap()).collect::<Vec<_>>();
    let table: &[(u32, &[&str], Option<&str>, &str)] = &[
        (0, &[], Some("6.6.6.6"), "10.0.0.1"),
        (0, &["10.0.0.0/8"], Some("6.6.6.6, 1.2.3.4"), "1.2.3.4"),
        (0, &["10.0.0.0/8"], Some("6.6.6.6, 1.2.3.4, 10.0.0.9"), "1.2.3.4"),
        (0, &["10.0.0.0/8"], None, "10.0.0.1"),
        (0, &["10.0.0.0/8"], Some("6.6.6.6, garbage, 10.0.0.9"), "10.0.0.9"),
        (1, &[], Some("6.6.6.6, 1.2.3.4"), "1.2.3.4"),
        (2, &[], Some("6.6.6.6, 1.2.3.4"), "6.6.6.6"),
        (1, &[], Some("6.6.6.6, [2001:db8::1]:443"), "2001:db8::1"),
        (1, &[], Some("6.6.6.6, 1.2.3.4:5"), "1.2.3.4"),
    ];
    for (hops, peers, chain, expected) in table {
        let options = ForwardingOptions {
            trusted_hops: *hops,
            trusted_peers: nets(peers),
            ..ForwardingOptions::default()
        };
        let fields: Vec<_> = chain.iter().map(|chain| ("x-forwarded-for", *chain)).collect();
        let mut head = with(&fields);
        let conn = connection("10.0.0.1:1");
        let found = client_address(&head.headers, &conn, &options);
        assert_eq!(found.to_string(), *expected, "{hops} {peers:?} {chain:?}");
        apply(&mut head, &conn, &port(80), &options);
        assert_eq!(client_address(&head.headers, &conn, &options), found);
    }
}
