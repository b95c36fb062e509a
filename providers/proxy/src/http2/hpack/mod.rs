//! Header compression (RFC 7541): a whole decoder, and an encoder that keeps no state.

mod decoder;
mod encoder;
mod huffman;
mod passage;
mod table;
#[cfg(test)]
mod tests;

pub(super) use decoder::{Decoder, Sink};
pub(super) use encoder::{field, number, status};
pub(super) use passage::Passage;

/// A header block that cannot be decoded: the connection's compression state is lost (RFC 9113
/// section 4.3, COMPRESSION_ERROR).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;
