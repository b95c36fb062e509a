//! Decoding header blocks (RFC 7541 sections 3.2 and 6).

use super::table::Dynamic;
use super::{Malformed, huffman};

/// The bit of a literal field that is added to the table (RFC 7541 section 6.2.1).
pub(super) const INDEXED: u8 = 0x40;

/// The decoder of a connection.
#[derive(Debug, Default)]
pub(in crate::http2) struct Decoder {
    pub(super) table: Dynamic,
    /// Memory for strings that are not in the block as they are.
    name: Vec<u8>,
    value: Vec<u8>,
}

/// Takes decoded fields, in order.
pub(in crate::http2) trait Sink {
    /// The next field.
    fn field(&mut self, name: &[u8], value: &[u8]);
}

/// Why a field cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Its end is not there.
    Short,
    /// It never can be.
    Malformed,
}

impl From<Malformed> for Stop {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl Decoder {
    /// Decodes a whole block. The sink gets every field, so that the table stays in step whatever
    /// becomes of the message.
    pub(in crate::http2) fn decode(
        &mut self,
        mut block: &[u8],
        sink: &mut impl Sink,
    ) -> Result<(), Malformed> {
        let mut begun = false;
        while !block.is_empty() {
            self.step(&mut block, &mut begun, sink).map_err(|_| Malformed)?;
        }
        Ok(())
    }

    /// Decodes the field, or the change of the table's size, at the front of `block`, and takes it off.
    /// `begun`: whether there was a field in the block.
    pub(super) fn step(
        &mut self,
        block: &mut &[u8],
        begun: &mut bool,
        sink: &mut impl Sink,
    ) -> Result<(), Stop> {
        let Self { table, name, value } = self;
        let mut rest = *block;
        let first = *rest.first().ok_or(Stop::Short)?;
        if first & 0x80 != 0 {
            let (name, value) = table.field(integer(&mut rest, 7)?).ok_or(Stop::Malformed)?;
            sink.field(name, value);
        } else if first & 0xe0 == 0x20 {
            let size = integer(&mut rest, 5)?;
            // RFC 7541 section 4.2: only in front of the first field.
            if *begun || !table.resize(size) {
                return Err(Stop::Malformed);
            }
            *block = rest;
            return Ok(());
        } else {
            let indexed = first & INDEXED != 0;
            let index = integer(&mut rest, if indexed { 6 } else { 4 })?;
            name.clear();
            if index > 0 {
                name.extend_from_slice(table.field(index).ok_or(Stop::Malformed)?.0);
            } else {
                let text = string(&mut rest)?;
                text.append_to(name)?;
            }
            value.clear();
            string(&mut rest)?.append_to(value)?;
            sink.field(name, value);
            if indexed {
                table.insert(name, value);
            }
        }
        *begun = true;
        *block = rest;
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
fn string<'a>(block: &mut &'a [u8]) -> Result<Text<'a>, Stop> {
    let huffman = block.first().ok_or(Stop::Short)? & 0x80 != 0;
    let length = integer(block, 7)?;
    let (bytes, rest) = block.split_at_checked(length).ok_or(Stop::Short)?;
    *block = rest;
    Ok(Text { bytes, huffman })
}

/// An integer whose first byte has `prefix` bits (RFC 7541 section 5.1); at most 28 bits more.
pub(super) fn integer(block: &mut &[u8], prefix: u32) -> Result<usize, Stop> {
    let (first, mut rest) = block.split_first().ok_or(Stop::Short)?;
    let mask = (1usize << prefix) - 1;
    let mut value = usize::from(*first) & mask;
    if value == mask {
        let mut shift = 0;
        loop {
            let (byte, behind) = rest.split_first().ok_or(Stop::Short)?;
            rest = behind;
            value += usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
            shift += 7;
            if shift > 21 {
                return Err(Stop::Malformed);
            }
        }
    }
    *block = rest;
    Ok(value)
}
