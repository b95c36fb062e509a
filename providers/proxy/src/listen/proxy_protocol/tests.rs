use super::*;
use crate::fuzz::proxy_header_for;
use proptest::prelude::*;

fn relayed(source: &str, destination: &str) -> Header {
    Header::Relayed {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
    }
}

/// The examples of section 2.1, and what the grammar there excludes.
#[test]
fn v1_lines() {
    let good: &[(&str, Header)] = &[
        (
            "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n",
            relayed("192.168.0.1:56324", "192.168.0.11:443"),
        ),
        (
            "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
            relayed("255.255.255.255:65535", "255.255.255.255:65535"),
        ),
        (
            "PROXY TCP6 ::1 2001:db8::2 0 80\r\n",
            relayed("[::1]:0", "[2001:db8::2]:80"),
        ),
        ("PROXY UNKNOWN\r\n", Header::Own),
        (
            "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n",
            Header::Own,
        ),
    ];
    for (line, header) in good {
        let with_rest = format!("{line}GET / HTTP/1.1\r\n");
        assert_eq!(
            parse(with_rest.as_bytes()),
            Ok(Progress::Complete(*header, line.len())),
            "{line:?}"
        );
    }
    let bad = [
        "PROXY TCP4 192.168.0.1 192.168.0.11 56324\r\n",
        "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443 1\r\n",
        "PROXY TCP4  192.168.0.1 192.168.0.11 56324 443\r\n",
        "PROXY TCP4 192.168.0.1 192.168.0.11 056324 443\r\n",
        "PROXY TCP4 192.168.0.1 192.168.0.11 -1 443\r\n",
        "PROXY TCP4 192.168.0.1 192.168.0.11 +1 443\r\n",
        "PROXY TCP4 192.168.0.1 192.168.0.11 65536 443\r\n",
        "PROXY TCP4 ::1 ::1 1 443\r\n",
        "PROXY TCP6 127.0.0.1 127.0.0.1 1 443\r\n",
        "PROXY TCP4 192.168.0.256 192.168.0.11 1 443\r\n",
        "PROXY TCP5 192.168.0.1 192.168.0.11 1 443\r\n",
        "PROXY \r\n",
        "PROXY TCP4 192.168.0.1 192.168.0.11 1 443\n\r\n",
    ];
    for line in bad {
        assert!(
            matches!(parse(line.as_bytes()), Err(ProxyHeaderError::V1(_))),
            "{line:?}"
        );
    }
    let endless = format!("PROXY UNKNOWN {}", "x".repeat(200));
    assert!(matches!(parse(endless.as_bytes()), Err(ProxyHeaderError::V1(_))));
}

#[test]
fn other_protocols_are_not_headers() {
    for bytes in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"PRI * HTTP/2.0\r\n",
        b"\x16\x03\x01",
        b"POST / HTTP/1.1",
    ] {
        assert_eq!(parse(bytes), Err(ProxyHeaderError::Missing));
    }
}

fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let mut header = V2_SIGNATURE.to_vec();
    header.extend_from_slice(&[command, family]);
    header.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
    header.extend_from_slice(body);
    header
}

#[test]
fn v2_round_trip() {
    for (source, destination) in [
        ("10.0.0.1:1000", "10.0.0.2:443"),
        ("[2001:db8::1]:1", "[2001:db8::2]:65535"),
    ] {
        let (source, destination) = (source.parse().unwrap(), destination.parse().unwrap());
        let mut bytes = proxy_header_for(source, destination);
        let length = bytes.len();
        bytes.extend_from_slice(b"rest");
        assert_eq!(
            parse(&bytes),
            Ok(Progress::Complete(
                Header::Relayed { source, destination },
                length
            ))
        );
    }
    let mixed = proxy_header_for("10.0.0.1:1".parse().unwrap(), "[::1]:2".parse().unwrap());
    assert_eq!(
        parse(&mixed),
        Ok(Progress::Complete(
            relayed("[::ffff:10.0.0.1]:1", "[::1]:2"),
            mixed.len()
        ))
    );
}

#[test]
fn v2_rules() {
    let addresses = [1, 1, 1, 1, 2, 2, 2, 2, 0, 1, 0, 2];
    // LOCAL: the address block is ignored whatever its family.
    assert_eq!(
        parse(&v2(0x20, 0x31, &[0; 20])),
        Ok(Progress::Complete(Header::Own, 36))
    );
    assert_eq!(
        parse(&v2(0x21, 0x00, &[9; 5])),
        Ok(Progress::Complete(Header::Own, 21))
    );
    // Wrong version, unknown command, UNIX family, short block, announced length beyond the bound.
    for bad in [
        v2(0x11, 0x11, &addresses),
        v2(0x22, 0x11, &addresses),
        v2(0x21, 0x31, &[0; 216]),
        v2(0x21, 0x13, &addresses),
        v2(0x21, 0x11, &addresses[..11]),
        v2(0x21, 0x21, &addresses),
    ] {
        assert!(matches!(parse(&bad), Err(ProxyHeaderError::V2(_))), "{bad:?}");
    }
    assert!(matches!(
        parse(&v2(0x21, 0x11, &[0; 4081])),
        Err(ProxyHeaderError::TooLong(4097))
    ));
    // TLVs: a good one, a truncated one.
    let with = |tlv: &[u8]| v2(0x21, 0x11, &[&addresses[..], tlv].concat());
    assert!(matches!(
        parse(&with(&[0xE0, 0, 2, 7, 7])),
        Ok(Progress::Complete(Header::Relayed { .. }, 33))
    ));
    assert!(parse(&with(&[0xE0, 0, 3, 7, 7])).is_err());
    assert!(parse(&with(&[0xE0])).is_err());
}

/// CRC-32C of "123456789" is 0xE3069283 (the check value of the polynomial's catalogue entry).
#[test]
fn v2_checksum() {
    assert_eq!(checksum(b"123456789", 100), 0xE306_9283);
    let mut header = v2(
        0x21,
        0x11,
        &[1, 1, 1, 1, 2, 2, 2, 2, 0, 1, 0, 2, TLV_CRC32C, 0, 4, 0, 0, 0, 0],
    );
    let at = header.len() - 4;
    let sum = checksum(&header, at).to_be_bytes();
    header[at..].copy_from_slice(&sum);
    assert!(matches!(
        parse(&header),
        Ok(Progress::Complete(Header::Relayed { .. }, _))
    ));
    header[20] ^= 1;
    assert_eq!(parse(&header), Err(ProxyHeaderError::V2("wrong CRC32C")));
}

/// First decisive answer while the bytes arrive one by one.
fn fed(bytes: &[u8]) -> Result<Progress, ProxyHeaderError> {
    for end in 0..bytes.len() {
        let answer = parse(&bytes[..end]);
        if answer != Ok(Progress::Incomplete) {
            return answer;
        }
    }
    parse(bytes)
}

fn nearly_a_header() -> impl Strategy<Value = Vec<u8>> {
    let v1 = (
        prop::sample::select(vec!["TCP4", "TCP6", "UNKNOWN", "X"]),
        "[0-9a-f:. ]{0,60}",
        "(\r\n|\n|\r)?",
    )
        .prop_map(|(family, rest, end)| format!("PROXY {family} {rest}{end}tail").into_bytes());
    let v2 = (
        prop::sample::select(vec![0x20u8, 0x21, 0x22, 0x11]),
        prop::sample::select(vec![0x00u8, 0x11, 0x12, 0x21, 0x22, 0x31, 0xFF]),
        prop::collection::vec(any::<u8>(), 0..80),
    )
        .prop_map(|(command, family, body)| v2(command, family, &body));
    prop_oneof![v1, v2, prop::collection::vec(any::<u8>(), 0..200)]
}

proptest! {
    /// No input panics, a header is never longer than its bytes, and no split changes the answer.
    #[test]
    fn any_split_gives_the_same_answer(mut bytes in nearly_a_header(), cut in any::<prop::sample::Index>()) {
        if !bytes.is_empty() && cut.index(3) == 0 {
            let end = cut.index(bytes.len());
            bytes.truncate(end);
        }
        let whole = parse(&bytes);
        if let Ok(Progress::Complete(_, length)) = whole {
            prop_assert!(length <= bytes.len());
            prop_assert_eq!(parse(&bytes[..length]), whole);
        }
        prop_assert_eq!(fed(&bytes), whole);
    }

    #[test]
    fn encoded_headers_are_read_back(a in any::<([u8; 4], u16)>(), b in any::<([u8; 16], u16)>()) {
        let four = SocketAddr::from(a);
        let six = SocketAddr::from(b);
        for (source, destination) in [(four, four), (six, six)] {
            let bytes = proxy_header_for(source, destination);
            prop_assert_eq!(
                parse(&bytes),
                Ok(Progress::Complete(Header::Relayed { source, destination }, bytes.len()))
            );
        }
    }
}
