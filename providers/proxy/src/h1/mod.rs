//! The HTTP/1.x codec, both sides: strict in what it reads, frugal while it waits.
//!
//! Whoever uses it sees [`parse`] (heads), [`conn`] (a connection with a body in each direction)
//! and the traits of `http::stream`; nothing of a connection's syntax leaks further.

pub(crate) mod buffer;
mod chunked;
pub(crate) mod conn;
pub(crate) mod encode;
mod error;
mod framing;
pub mod parse;
#[cfg(test)]
mod tests;

pub(crate) use chunked::decode as decode_chunked;
pub use error::{BodyError, HeadError};
pub use framing::{BodyLength, RequestFields, ResponseFields};
