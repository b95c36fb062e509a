use super::*;
use proptest::prelude::*;
use std::sync::Arc;

/// The hello that rustls itself sends, with its record header.
fn real_hello(name: &str, alpn: &[&[u8]]) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let name = rustls_pki_types::ServerName::try_from(name.to_owned()).unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

/// Cuts one handshake record into records of at most `size` payload bytes.
fn fragmented(record: &[u8], size: usize) -> Vec<u8> {
    record[RECORD_HEADER..]
        .chunks(size)
        .flat_map(|chunk| {
            let length = u16::try_from(chunk.len()).unwrap().to_be_bytes();
            [&[CONTENT_HANDSHAKE, 3, 1][..], &length, chunk].concat()
        })
        .collect()
}

fn block16(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

/// A minimal hello with the given extensions block (type, data).
fn built(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let list: Vec<u8> = extensions
        .iter()
        .flat_map(|(kind, data)| [&kind.to_be_bytes()[..], &block16(data)].concat())
        .collect();
    let mut body = vec![3, 3];
    body.extend_from_slice(&[7; 32]);
    body.extend_from_slice(&[0, 0, 2, 0x13, 0x01, 1, 0]);
    body.extend_from_slice(&block16(&list));
    let mut message = vec![MESSAGE_CLIENT_HELLO, 0];
    message.extend_from_slice(&block16(&body));
    [&[CONTENT_HANDSHAKE, 3, 1][..], &block16(&message)].concat()
}

fn name_extension(names: &[(u8, &[u8])]) -> (u16, Vec<u8>) {
    let list: Vec<u8> = names
        .iter()
        .flat_map(|(kind, name)| [&[*kind][..], &block16(name)].concat())
        .collect();
    (EXTENSION_SERVER_NAME, block16(&list))
}

fn sni(bytes: &[u8]) -> Option<Box<str>> {
    match peek(bytes).unwrap() {
        Peek::Complete(hello) => hello.server_name,
        Peek::Incomplete => panic!("incomplete"),
    }
}

#[test]
fn a_real_hello_is_read() {
    let bytes = real_hello("Shop.Example.com", &[b"h2", b"http/1.1"]);
    let Ok(Peek::Complete(hello)) = peek(&bytes) else {
        panic!("not complete")
    };
    assert_eq!(hello.server_name.as_deref(), Some("shop.example.com"));
    assert_eq!(hello.alpn, [b"h2".to_vec(), b"http/1.1".to_vec()]);
    // A client that connects to an address sends no name (RFC 6066 section 3).
    assert_eq!(sni(&real_hello("127.0.0.1", &[])), None);
}

/// RFC 8446 section 5.1: a handshake message may be fragmented across several records.
#[test]
fn a_fragmented_hello_is_read() {
    let bytes = real_hello("shop.example.com", &[]);
    for size in [1, 2, 3, 7, 100, 511] {
        assert_eq!(
            sni(&fragmented(&bytes, size)).as_deref(),
            Some("shop.example.com"),
            "{size}"
        );
    }
}

#[test]
fn names_that_are_no_names() {
    let named = |name: &[u8]| sni(&built(&[name_extension(&[(0, name)])]));
    assert_eq!(named(b"a.example").as_deref(), Some("a.example"));
    assert_eq!(named(b"a.example.").as_deref(), Some("a.example"));
    for bad in [
        &b""[..],
        b"127.0.0.1",
        b"::1",
        b"a..b",
        b"-a.b",
        b"a b",
        b"a\0b",
        "ä.example".as_bytes(),
        b"*.a",
    ] {
        assert_eq!(named(bad), None, "{bad:?}");
    }
    assert_eq!(named("a".repeat(64).as_bytes()), None);
    // A name of another type is not ours to read.
    assert_eq!(sni(&built(&[name_extension(&[(7, b"a.example")])])), None);
    assert_eq!(sni(&built(&[])), None);
}

#[test]
fn faults_are_refused() {
    assert_eq!(peek(b"GET / HTTP/1.1\r\n"), Err(HelloError::NotTls));
    assert_eq!(peek(&[22, 2]), Err(HelloError::NotTls));
    assert_eq!(
        peek(&[22, 3, 1, 0, 0]),
        Err(HelloError::Malformed("record length"))
    );
    assert_eq!(
        peek(&[22, 3, 1, 0xFF, 0xFF]),
        Err(HelloError::Malformed("record length"))
    );
    assert_eq!(
        peek(&[22, 3, 1, 0, 1, 2]),
        Err(HelloError::Malformed("first message is not a ClientHello"))
    );
    assert_eq!(peek(&[22, 3, 1, 0, 4, 1, 1, 0, 0]), Err(HelloError::TooLong));
    let twice = built(&[name_extension(&[(0, b"a.b")]), name_extension(&[(0, b"c.d")])]);
    assert_eq!(
        peek(&twice),
        Err(HelloError::Malformed("two server_name extensions"))
    );
    let two_names = built(&[name_extension(&[(0, b"a.b"), (0, b"c.d")])]);
    assert_eq!(peek(&two_names), Err(HelloError::Malformed("two host names")));
    // A hello whose records go on beyond the bound.
    let padded = built(&[(21, vec![0; 16_000])]);
    assert_eq!(peek(&fragmented(&padded, 100)), Err(HelloError::TooLong));
}

fn fed(bytes: &[u8]) -> Result<Peek, HelloError> {
    for end in 0..bytes.len() {
        let answer = peek(&bytes[..end]);
        if answer != Ok(Peek::Incomplete) {
            return answer;
        }
    }
    peek(bytes)
}

fn nearly_a_hello() -> impl Strategy<Value = Vec<u8>> {
    let whole = (
        1usize..600,
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        any::<bool>(),
    )
        .prop_map(|(size, edits, small)| {
            let hello = if small {
                built(&[
                    name_extension(&[(0, b"a.example")]),
                    (EXTENSION_ALPN, block16(b"\x02h2")),
                ])
            } else {
                real_hello("a.example", &[b"h2"])
            };
            let mut bytes = fragmented(&hello, size);
            for (at, value) in edits {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            bytes
        });
    prop_oneof![4 => whole, 1 => prop::collection::vec(any::<u8>(), 0..100)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// No input panics, and no split into reads changes the answer.
    #[test]
    fn any_split_gives_the_same_answer(bytes in nearly_a_hello()) {
        prop_assert_eq!(fed(&bytes), peek(&bytes));
    }

    /// No split into records changes what an intact hello says.
    #[test]
    fn any_fragmentation_gives_the_same_answer(size in 1usize..2000) {
        let hello = real_hello("a.example", &[b"h2"]);
        prop_assert_eq!(peek(&fragmented(&hello, size)), peek(&hello));
    }
}
