//! WebSocket traffic after the categories of the Autobahn test suite: framing, pings, reserved bits,
//! opcodes, fragmentation, UTF-8, closing, limits, compression. A gateway does not judge frames: valid or
//! not, they must arrive as they were sent.

/// Bytes of one direction, and how they are cut into writes.
pub struct Case {
    /// Category and number.
    pub name: String,
    /// What the client sends.
    pub bytes: Vec<u8>,
    /// Size of each write.
    pub chop: usize,
}

const FIN: u8 = 0x80;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CONTINUATION: u8 = 0;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// A masked client frame (RFC 6455 section 5.2).
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut out = vec![first];
    match payload.len() {
        short @ 0..126 => out.push(0x80 | short as u8),
        medium @ 126..65_536 => {
            out.push(0xfe);
            out.extend((medium as u16).to_be_bytes());
        }
        long => {
            out.push(0xff);
            out.extend((long as u64).to_be_bytes());
        }
    }
    out.extend(MASK);
    out.extend(
        payload
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    out
}

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(reason);
    frame(FIN | CLOSE, &payload)
}

#[derive(Default)]
struct List(Vec<Case>);

impl List {
    fn add(&mut self, category: u32, bytes: Vec<u8>) {
        self.chopped(category, bytes, usize::MAX);
    }

    fn chopped(&mut self, category: u32, bytes: Vec<u8>, chop: usize) {
        let prefix = format!("{category}.");
        let number = self
            .0
            .iter()
            .filter(|case| case.name.starts_with(&prefix))
            .count()
            + 1;
        self.0.push(Case {
            name: format!("{prefix}{number}"),
            bytes,
            chop,
        });
    }
}

/// All cases.
pub fn all() -> Vec<Case> {
    let mut list = List::default();
    framing(&mut list);
    pings(&mut list);
    reserved(&mut list);
    fragments(&mut list);
    text(&mut list);
    closing(&mut list);
    limits(&mut list);
    compressed(&mut list);
    list.0
}

/// Category 1: every length encoding, whole and in pieces.
fn framing(list: &mut List) {
    for opcode in [TEXT, BINARY] {
        for length in [0, 1, 125, 126, 127, 128, 65_535, 65_536] {
            let message = frame(FIN | opcode, &vec![b'*'; length]);
            list.add(1, message.clone());
            list.chopped(1, message, 997);
        }
        list.chopped(1, frame(FIN | opcode, &[b'*'; 300]), 1);
    }
}

/// Category 2: pings and pongs, allowed and too long.
fn pings(list: &mut List) {
    for opcode in [PING, PONG] {
        for length in [0, 1, 125, 126] {
            list.add(2, frame(FIN | opcode, &vec![0xfe; length]));
        }
        list.chopped(2, frame(FIN | opcode, &[0xfe; 125]), 1);
        let ten: Vec<u8> = (0..10u8)
            .flat_map(|index| frame(FIN | opcode, &[b'p', index]))
            .collect();
        list.add(2, ten.clone());
        list.chopped(2, ten, 1);
    }
}

/// Categories 3 and 4: reserved bits and reserved opcodes.
fn reserved(list: &mut List) {
    for bits in 1..=7u8 {
        for opcode in [TEXT, BINARY, PING, CLOSE] {
            list.add(3, frame(FIN | bits << 4 | opcode, b"reserved"));
        }
    }
    for opcode in (3..8).chain(11..16) {
        let mut bytes = frame(FIN | TEXT, b"before");
        bytes.extend(frame(FIN | opcode, b""));
        list.add(4, bytes.clone());
        bytes.extend(frame(FIN | opcode, b"payload"));
        bytes.extend(frame(FIN | TEXT, b"after"));
        list.add(4, bytes.clone());
        list.chopped(4, bytes, 1);
    }
}

/// Category 5: fragmentation, right and wrong, with control frames between.
fn fragments(list: &mut List) {
    let sequences: &[&[u8]] = &[
        &[TEXT, FIN | CONTINUATION],
        &[TEXT, CONTINUATION, CONTINUATION, FIN | CONTINUATION],
        &[BINARY, FIN | PING, FIN | CONTINUATION],
        &[TEXT, FIN | PING, CONTINUATION, FIN | PONG, FIN | CONTINUATION],
        &[PING, FIN | CONTINUATION],
        &[PONG, FIN | CONTINUATION],
        &[CLOSE, FIN | CONTINUATION],
        &[FIN | CONTINUATION],
        &[CONTINUATION, FIN | TEXT],
        &[FIN | CONTINUATION, FIN | TEXT],
        &[TEXT, FIN | TEXT],
        &[TEXT, TEXT, FIN | CONTINUATION],
        &[TEXT, FIN | BINARY, FIN | CONTINUATION],
        &[TEXT, FIN | CLOSE],
    ];
    for sequence in sequences {
        let bytes: Vec<u8> = sequence
            .iter()
            .flat_map(|first| frame(*first, b"fragment"))
            .collect();
        list.add(5, bytes.clone());
        list.chopped(5, bytes.clone(), 1);
        list.chopped(5, bytes, 3);
    }
}

/// Category 6: text that is UTF-8, and text that is not.
fn text(list: &mut List) {
    let texts: &[&[u8]] = &[
        "Hello-µ@ßöäüàá-UTF-8!!".as_bytes(),
        "κόσμε".as_bytes(),
        "\u{10ffff}\u{fffe}\u{0}".as_bytes(),
        b"",
        // Overlong, surrogates, beyond U+10FFFF, cut short, stray continuation.
        &[0xc0, 0x80],
        &[0xe0, 0x80, 0x80],
        &[0xf0, 0x80, 0x80, 0x80],
        &[0xed, 0xa0, 0x80],
        &[0xed, 0xbf, 0xbf],
        &[0xf4, 0x90, 0x80, 0x80],
        &[0xf8, 0x88, 0x80, 0x80, 0x80],
        &[0xce, 0xba, 0xe1],
        &[0x80],
        &[0xbf],
        &[0xfe],
        &[0xff],
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
    ];
    for text in texts {
        list.add(6, frame(FIN | TEXT, text));
        let mut pieces: Vec<u8> = text
            .iter()
            .enumerate()
            .flat_map(|(index, byte)| frame(if index == 0 { TEXT } else { CONTINUATION }, &[*byte]))
            .collect();
        pieces.extend(frame(FIN | CONTINUATION, b""));
        list.add(6, pieces);
    }
}

/// Category 7: closing, with every sort of code and reason, and with data after it.
fn closing(list: &mut List) {
    list.add(7, frame(FIN | CLOSE, b""));
    list.add(7, frame(FIN | CLOSE, &[3]));
    for length in [0, 1, 122, 123, 124] {
        list.add(7, close(1000, &vec![b'r'; length]));
    }
    list.add(7, close(1000, &[0xce, 0xba, 0xff]));
    for code in [
        0, 999, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
        1015, 1016, 1100, 2000, 2999, 3000, 3999, 4000, 4999, 5000, 65_535,
    ] {
        list.add(7, close(code, b""));
        let mut bytes = close(code, b"bye");
        bytes.extend(frame(FIN | TEXT, b"after the close"));
        list.add(7, bytes);
    }
    let mut twice = close(1000, b"");
    twice.extend(close(1000, b""));
    list.add(7, twice);
}

/// Category 9: large messages, whole, fragmented, chopped.
fn limits(list: &mut List) {
    for opcode in [TEXT, BINARY] {
        for kib in [64, 256, 1024, 4096] {
            list.add(9, frame(FIN | opcode, &vec![b'*'; kib * 1024]));
        }
        for piece in [64, 1024, 65_536] {
            let pieces = 1024 * 1024 / piece;
            let bytes: Vec<u8> = (0..pieces)
                .flat_map(|index| {
                    let last = if index + 1 == pieces { FIN } else { 0 };
                    let opcode = if index == 0 { opcode } else { CONTINUATION };
                    frame(last | opcode, &vec![b'*'; piece])
                })
                .collect();
            list.add(9, bytes);
        }
        for chop in [64, 512, 2048] {
            list.chopped(9, frame(FIN | opcode, &vec![b'*'; 256 * 1024]), chop);
        }
    }
    // A thousand small messages.
    for length in [0, 16, 64, 256, 1024] {
        list.add(9, frame(FIN | TEXT, &vec![b'*'; length]).repeat(1_000));
    }
}

/// Categories 12 and 13: what permessage-deflate would send (RFC 7692 section 7.2.3: "Hello").
fn compressed(list: &mut List) {
    const RSV1: u8 = 0x40;
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let stored = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
    for payload in [hello.as_slice(), stored.as_slice()] {
        list.add(12, frame(FIN | RSV1 | TEXT, payload));
        list.chopped(12, frame(FIN | RSV1 | BINARY, payload), 1);
        let mut pieces = frame(RSV1 | TEXT, payload.get(..3).unwrap_or_default());
        pieces.extend(frame(FIN | CONTINUATION, payload.get(3..).unwrap_or_default()));
        list.add(13, pieces);
        list.add(13, frame(FIN | RSV1 | TEXT, payload).repeat(1_000));
    }
}
