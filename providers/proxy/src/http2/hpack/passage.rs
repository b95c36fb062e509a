//! Passing over a header block that is too large to be kept, part by part: what it does to the table is
//! done, so that the connection lives on (RFC 9113 section 4.3), and nothing of it is remembered.

use super::Malformed;
use super::decoder::{Decoder, INDEXED, Sink, Stop, integer};

/// What is kept of a field whose end has not come. A longer one is passed over: its strings, of which a
/// byte takes 30 bits at most (RFC 7541 appendix B), are longer than the whole table then, whatever they
/// are, and so its place in the table is that it empties it (RFC 7541 section 4.4).
const KEPT: usize = 16 * 1024;

/// How far it has come.
#[derive(Debug, Default)]
pub(in crate::http2) struct Passage {
    begun: bool,
    skip: Option<Skip>,
}

/// A long field that is being passed over.
#[derive(Debug)]
struct Skip {
    /// What is left of the string.
    left: usize,
    /// Whether the string is the name: the value follows.
    name: bool,
    indexed: bool,
}

/// Fields that nobody wants.
struct Nobody;

impl Sink for Nobody {
    fn field(&mut self, _: &[u8], _: &[u8]) {}
}

impl Passage {
    /// Whether what was passed over ended with a field's end.
    pub(in crate::http2) const fn is_between_fields(&self) -> bool {
        self.skip.is_none()
    }
}

impl Skip {
    /// Takes the head of a literal field off, up to its first string.
    fn begin(decoder: &Decoder, block: &mut &[u8]) -> Result<Self, Stop> {
        let mut rest = *block;
        let first = *rest.first().ok_or(Stop::Short)?;
        let indexed = first & INDEXED != 0;
        let index = integer(&mut rest, if indexed { 6 } else { 4 })?;
        if index > 0 && decoder.table.field(index).is_none() {
            return Err(Stop::Malformed);
        }
        let left = integer(&mut rest, 7)?;
        *block = rest;
        Ok(Self {
            left,
            name: index == 0,
            indexed,
        })
    }
}

impl Decoder {
    /// Passes over what can be at the front of `block`; answers how much that was. The rest, no more
    /// than 16 KiB, must be in front of what comes next.
    pub(in crate::http2) fn pass(&mut self, passage: &mut Passage, block: &[u8]) -> Result<usize, Malformed> {
        let mut rest = block;
        loop {
            match self.pass_one(passage, &mut rest) {
                Ok(()) => {}
                Err(Stop::Short) => return Ok(block.len() - rest.len()),
                Err(Stop::Malformed) => return Err(Malformed),
            }
        }
    }

    /// Passes over a field, or a part of a long one.
    fn pass_one(&mut self, passage: &mut Passage, rest: &mut &[u8]) -> Result<(), Stop> {
        let Some(skip) = &mut passage.skip else {
            let short = match self.step(rest, &mut passage.begun, &mut Nobody) {
                Err(Stop::Short) if rest.len() > KEPT => Skip::begin(self, rest)?,
                done => return done,
            };
            passage.begun = true;
            passage.skip = Some(short);
            return Ok(());
        };
        let count = skip.left.min(rest.len());
        *rest = rest.get(count..).unwrap_or_default();
        skip.left -= count;
        if skip.left > 0 {
            return Err(Stop::Short);
        }
        if skip.name {
            let mut behind = *rest;
            skip.left = integer(&mut behind, 7)?;
            skip.name = false;
            *rest = behind;
            return Ok(());
        }
        if skip.indexed {
            self.table.clear();
        }
        passage.skip = None;
        Ok(())
    }
}
