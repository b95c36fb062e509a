//! RFC 7541 appendix C, and what a decoder must refuse.

use super::decoder::{Decoder, Sink, integer};
use super::table::{Dynamic, STATIC, static_name};
use super::{Malformed, Passage, encoder};
use proptest::prelude::*;

#[derive(Default)]
struct Fields(Vec<(String, String)>);

impl Sink for Fields {
    fn field(&mut self, name: &[u8], value: &[u8]) {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        self.0.push((text(name), text(value)));
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let hex: String = hex.split_whitespace().collect();
    (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap())
        .collect()
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<(String, String)>, Malformed> {
    let mut fields = Fields::default();
    decoder.decode(block, &mut fields).map(|()| fields.0)
}

fn fields(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// RFC 7541 sections C.3 (plain) and C.4 (Huffman): three requests on one connection.
#[test]
fn requests_of_the_specification() {
    let plain = [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ];
    let huffman = [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ];
    for blocks in [plain, huffman] {
        let mut decoder = Decoder::default();
        let all: Vec<_> = blocks
            .iter()
            .map(|block| decode(&mut decoder, &bytes(block)).unwrap())
            .collect();
        let common = [(":method", "GET"), (":scheme", "http"), (":path", "/")];
        let host = (":authority", "www.example.com");
        assert_eq!(all[0], fields(&[common[0], common[1], common[2], host]));
        assert_eq!(
            all[1],
            fields(&[
                common[0],
                common[1],
                common[2],
                host,
                ("cache-control", "no-cache")
            ])
        );
        assert_eq!(
            all[2],
            fields(&[
                (":method", "GET"),
                (":scheme", "https"),
                (":path", "/index.html"),
                host,
                ("custom-key", "custom-value")
            ])
        );
    }
}

/// RFC 7541 section 4: entries are dropped from the back when the table is full.
#[test]
fn the_table_is_bounded() {
    let mut table = Dynamic::default();
    for index in 0..1000 {
        table.insert(b"name", format!("{index:04}").as_bytes());
    }
    // 4096 / (4 + 4 + 32)
    assert_eq!(table.field(62), Some((&b"name"[..], &b"0999"[..])));
    assert!(table.field(62 + 101).is_some());
    assert!(table.field(62 + 102).is_none());
    table.insert(&[b'x'; 5000], b"");
    assert!(table.field(62).is_none());
    assert!(!table.resize(4097));
    assert!(table.resize(0));
    table.insert(b"a", b"b");
    assert!(table.field(62).is_none());
}

#[test]
fn what_cannot_be_decoded_is_refused() {
    for (block, why) in [
        ("80", "index 0"),
        ("be", "index beyond the tables"),
        ("7f ff ff ff ff 0f", "an index too large"),
        ("ff ff ff ff ff ff", "an integer that does not end"),
        ("40 0a 63", "a string that is cut"),
        (
            "82 3f e1 1f",
            "a size update behind a field (RFC 7541 section 4.2)",
        ),
        ("3f e2 1f", "a size beyond the setting (RFC 7541 section 6.3)"),
        ("00 81 38 00", "padding with zeros"),
    ] {
        assert_eq!(
            decode(&mut Decoder::default(), &bytes(block)),
            Err(Malformed),
            "{why}"
        );
    }
    // At the limit, in front: fine.
    assert!(decode(&mut Decoder::default(), &bytes("3f e1 1f 82")).is_ok());
}

#[test]
fn what_is_encoded_decodes() {
    for (index, (name, _)) in STATIC.iter().enumerate() {
        if let Some(found) = static_name(name.as_bytes()) {
            assert_eq!(usize::from(found), index + 1, "{name}");
        }
    }
    let mut block = Vec::new();
    let long = "v".repeat(20_000);
    let list = [
        (":status", "200"),
        ("content-type", "text/plain"),
        ("www-authenticate", "Basic"),
        ("set-cookie", "a=b"),
        ("x-own", long.as_str()),
    ];
    encoder::status(&mut block, http::StatusCode::OK);
    for (name, value) in &list[1..] {
        encoder::field(&mut block, name.as_bytes(), value.as_bytes());
    }
    encoder::status(&mut block, http::StatusCode::IM_A_TEAPOT);
    let decoded = decode(&mut Decoder::default(), &block).unwrap();
    assert_eq!(decoded[..5], fields(&list));
    assert_eq!(decoded[5], (":status".to_owned(), "418".to_owned()));
    for value in [0, 30, 31, 32, 127, 128, 300, 2_000_000] {
        let mut out = Vec::new();
        encoder::integer(&mut out, 0x20, 5, value);
        assert_eq!(integer(&mut out.as_slice(), 5), Ok(value));
    }
}

/// A field as a client may write it: how, which name, how long a value.
fn literal(form: u8, name: &[u8], length: usize) -> Vec<u8> {
    let mut out = vec![form];
    encoder::integer(&mut out, 0, 7, name.len());
    out.extend_from_slice(name);
    encoder::integer(&mut out, 0, 7, length);
    out.extend(std::iter::repeat_n(b'v', length));
    out
}

fn one_field() -> impl Strategy<Value = Vec<u8>> {
    let form = prop::sample::select(vec![0x40u8, 0x00, 0x10]);
    let name = prop_oneof![
        4 => Just(b"x-name".to_vec()),
        2 => (0..20usize).prop_map(|length| vec![b'n'; length]),
        1 => (10_000..50_000usize).prop_map(|length| vec![b'n'; length]),
    ];
    let length = prop_oneof![4 => 0..200usize, 1 => 3_000..5_000usize, 2 => 10_000..60_000usize];
    prop_oneof![
        8 => (form, name, length).prop_map(|(form, name, length)| literal(form, &name, length)),
        // The method, and what was added last.
        2 => prop::sample::select(vec![vec![0x82], vec![0xbe], vec![0x7e, 0x01, b'w']]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// A block that was passed over in parts leaves the table as one that was decoded whole does, and
    /// little of it is kept meanwhile (RFC 7541 section 4.4, RFC 9113 section 4.3).
    #[test]
    fn what_is_passed_over_leaves_the_same_table(
        fields in prop::collection::vec(one_field(), 1..20),
        parts in prop::collection::vec(prop_oneof![1..10usize, 1..16_384usize], 1..10),
        cut in any::<bool>(),
    ) {
        let mut block = literal(0x40, b"x-first", 3);
        block.extend(fields.concat());
        if cut {
            block.pop();
        }
        let mut whole = Decoder::default();
        let mut decoded = Fields::default();
        let refused = whole.decode(&block, &mut decoded).is_err();
        let (mut decoder, mut passage, mut kept) = (Decoder::default(), Passage::default(), Vec::new());
        let (mut rest, mut parts) = (block.as_slice(), parts.iter().cycle());
        while !rest.is_empty() {
            let (part, behind) = rest.split_at((*parts.next().unwrap()).min(rest.len()));
            rest = behind;
            kept.extend_from_slice(part);
            match decoder.pass(&mut passage, &kept) {
                Ok(passed) => { kept.drain(..passed); }
                Err(Malformed) => {
                    prop_assert!(refused);
                    return Ok(());
                }
            }
            prop_assert!(kept.len() <= 16 * 1024, "{} bytes kept", kept.len());
        }
        prop_assert_eq!(refused, !(kept.is_empty() && passage.is_between_fields()));
        if !refused {
            for index in 62..250 {
                prop_assert_eq!(decoder.table.field(index), whole.table.field(index));
            }
        }
    }
}
