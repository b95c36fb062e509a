//! The server side of HTTP/2 (RFC 9113), without input or output: what was read goes in, what is to
//! be written comes out.
//!
//! One [`Connection`] is the whole state of a connection. The task that owns the socket feeds it
//! frames and writes its output; the tasks that serve the streams share it, each by its stream's
//! number. A response's frames are written straight behind those of the others, so that whatever was
//! answered in one turn of the runtime leaves in one TLS record and one system call.
//!
//! Everything that a client can make grow is bounded: streams, header blocks (on the wire and
//! decoded), frames that carry nothing, resets, bodies that nobody has read yet, and answers that the
//! client does not take.

mod connection;
mod flow;
mod frame;
mod hpack;
mod receive;
mod request;
mod stream;
#[cfg(test)]
mod tests;

pub(crate) use connection::{Connection, Job, Settings};
pub(crate) use frame::Reason;
pub(crate) use request::{Expect, Request};
