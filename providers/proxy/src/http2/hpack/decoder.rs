//! Decoding header blocks (RFC 7541 sections 3.2 and 6).

use super::table::Dynamic;
use super::{Malformed, huffman};

/// The decoder of a connection.
#[derive(Debug, Default)]
pub(in crate::http2) struct Decoder {
    table: Dynamic,
    /// Memory for strings that are not in the block as they are.
    name: Vec<u8>,
    value: Vec<u8>,
}

/// Takes decoded fields, in order.
pub(in crate::http2) trait Sink {
    /// The next field.
    fn field(&mut self, name: &[u8], value: &[u8]);
}

impl Decoder {
    /// Decodes a whole block. The sink gets every field, so that the table stays in step whatever
    /// becomes of the message.
    pub(in crate::http2) fn decode(
        &mut self,
        mut block: &[u8],
        sink: &mut impl Sink,
    ) -> Result<(), Malformed> {
        let Self { table, name, value } = self;
        let mut begun = false;
        while let Some(first) = block.first().copied() {
            if first & 0x80 != 0 {
                let (name, value) = table.field(integer(&mut block, 7)?).ok_or(Malformed)?;
                sink.field(name, value);
            } else if first & 0xe0 == 0x20 {
                // RFC 7541 section 4.2: only in front of the first field.
                if begun || !table.resize(integer(&mut block, 5)?) {
                    return Err(Malformed);
                }
                continue;
            } else {
                let indexed = first & 0x40 != 0;
                let index = integer(&mut block, if indexed { 6 } else { 4 })?;
                name.clear();
                if index > 0 {
                    name.extend_from_slice(table.field(index).ok_or(Malformed)?.0);
                } else {
                    let text = string(&mut block)?;
                    text.append_to(name)?;
                }
                value.clear();
                string(&mut block)?.append_to(value)?;
                sink.field(name, value);
                if indexed {
                    table.insert(name, value);
                }
            }
            begun = true;
        }
        Ok(())
    }

    /// Frees what a quiet connection has no use for.
    pub(in crate::http2) fn rest(&mut self) {
        self.name = Vec::new();
        self.value = Vec::new();
    }
}

/// A string as it lies in a block.
struct Text<'a> {
    bytes: &'a [u8],
    huffman: bool,
}

impl Text<'_> {
    fn append_to(&self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        if self.huffman {
            return huffman::decode(self.bytes, out);
        }
        out.extend_from_slice(self.bytes);
        Ok(())
    }
}

/// A string literal (RFC 7541 section 5.2).
fn string<'a>(block: &mut &'a [u8]) -> Result<Text<'a>, Malformed> {
    let huffman = block.first().ok_or(Malformed)? & 0x80 != 0;
    let length = integer(block, 7)?;
    let (bytes, rest) = block.split_at_checked(length).ok_or(Malformed)?;
    *block = rest;
    Ok(Text { bytes, huffman })
}

/// An integer whose first byte has `prefix` bits (RFC 7541 section 5.1); at most 28 bits more.
pub(super) fn integer(block: &mut &[u8], prefix: u32) -> Result<usize, Malformed> {
    let (first, mut rest) = block.split_first().ok_or(Malformed)?;
    let mask = (1usize << prefix) - 1;
    let mut value = usize::from(*first) & mask;
    if value == mask {
        let mut shift = 0;
        loop {
            let (byte, behind) = rest.split_first().ok_or(Malformed)?;
            rest = behind;
            value += usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
            shift += 7;
            if shift > 21 {
                return Err(Malformed);
            }
        }
    }
    *block = rest;
    Ok(value)
}
