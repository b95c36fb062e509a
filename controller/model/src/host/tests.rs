use super::{HostError, parse};
use proptest::prelude::*;
use std::borrow::Cow;

fn ok(raw: &str) -> (String, Option<u16>) {
    let host = parse(raw.as_bytes()).unwrap_or_else(|error| panic!("{raw}: {error}"));
    (host.name.into_owned(), host.port)
}

#[test]
fn names_are_folded_and_ports_split_off() {
    let cases = [
        ("example.com", "example.com", None),
        ("Example.COM", "example.com", None),
        ("example.com.", "example.com", None),
        ("example.com:8080", "example.com", Some(8080)),
        ("example.com.:8080", "example.com", Some(8080)),
        // RFC 3986 section 3.2.3: the port may be empty.
        ("example.com:", "example.com", None),
        ("localhost", "localhost", None),
        ("a_b.example", "a_b.example", None),
        ("10.0.0.1:65535", "10.0.0.1", Some(65535)),
        ("example.com:00080", "example.com", Some(80)),
        ("xn--bcher-kva.example", "xn--bcher-kva.example", None),
    ];
    for (raw, name, port) in cases {
        assert_eq!(ok(raw), (name.to_owned(), port), "{raw}");
    }
}

#[test]
fn ipv6_literals_are_canonical() {
    // RFC 5952 section 4: lower case, longest run of zeros compressed.
    assert_eq!(ok("[::1]"), ("[::1]".into(), None));
    assert_eq!(
        ok("[2001:DB8:0:0:0:0:0:1]:443"),
        ("[2001:db8::1]".into(), Some(443))
    );
    assert_eq!(ok("[::FFFF:1.2.3.4]:"), ("[::ffff:1.2.3.4]".into(), None));
}

#[test]
fn what_is_no_host_is_refused() {
    let cases: [(&[u8], HostError); 31] = [
        (b"", HostError::Empty),
        (b":80", HostError::Empty),
        (b".", HostError::Empty),
        (b"user@example.com", HostError::UserInfo),
        (b"user:pw@example.com:80", HostError::UserInfo),
        (b"@", HostError::UserInfo),
        (b"example.com/path", HostError::Byte(b'/')),
        (b"example.com, example.org", HostError::Byte(b',')),
        (b"example.com example.org", HostError::Byte(b' ')),
        (b"*.example.com", HostError::Byte(b'*')),
        (b"ex%61mple.com", HostError::Byte(b'%')),
        (b"example.com?x", HostError::Byte(b'?')),
        (b"example.com#x", HostError::Byte(b'#')),
        (b"example\\.com", HostError::Byte(b'\\')),
        (b"example\0.com", HostError::Byte(0)),
        (b"\xc3\xa9.example", HostError::Byte(0xc3)),
        (b"a..b", HostError::EmptyLabel),
        (b".example.com", HostError::EmptyLabel),
        (b"example.com..", HostError::EmptyLabel),
        (b"example.com:http", HostError::Port),
        (b"example.com:65536", HostError::Port),
        (b"example.com:0", HostError::Port),
        (b"example.com:+80", HostError::Port),
        (b"example.com:000080", HostError::Port),
        (b"example.com:80:80", HostError::Port),
        (b"2001:db8::1", HostError::Port),
        (b"[::1", HostError::Literal),
        (b"[]", HostError::Literal),
        (b"[fe80::1%25eth0]", HostError::Literal),
        (b"[v1.x]", HostError::Literal),
        (b"[::1]x", HostError::Port),
    ];
    for (raw, expected) in cases {
        assert_eq!(parse(raw), Err(expected), "{}", String::from_utf8_lossy(raw));
    }
    let label = [b'a'; 64];
    assert_eq!(parse(&label), Err(HostError::TooLong));
    let long = vec!["abcdefg"; 32].join(".");
    assert_eq!(parse(long.as_bytes()), Err(HostError::TooLong));
    assert!(parse(&label[1..]).is_ok());
}

proptest! {
    /// Any bytes: no panic, and what is accepted is a fixed point that holds only safe characters.
    #[test]
    fn accepted_names_are_canonical(raw in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(host) = parse(&raw) {
            let again = parse(host.name.as_bytes()).unwrap();
            prop_assert_eq!(&again.name, &host.name);
            prop_assert_eq!(again.port, None);
        }
    }

    #[test]
    fn text_like_hosts(raw in "[a-cA-C.:@\\[\\]0-9_-]{0,20}") {
        if let Ok(host) = parse(raw.as_bytes()) {
            let plain = host.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_[]:".contains(&b));
            prop_assert!(plain, "{}", host.name);
            prop_assert!(!host.name.ends_with('.'));
            if !raw.starts_with('[') && host.name.as_ref() == raw {
                prop_assert!(matches!(host.name, Cow::Borrowed(_)));
            }
        }
    }
}

#[test]
fn authorities() {
    for good in ["a", "a.b-c.d", "a:80", "[::1]", "[::1]:8080", "10.0.0.1:1"] {
        assert!(super::is_authority(good), "{good}");
    }
    for bad in [
        "", ":80", "a:x", "a:99999", "u@a", "a/b", "a b", "[::1", "::1", "a,b",
    ] {
        assert!(!super::is_authority(bad), "{bad}");
    }
}
