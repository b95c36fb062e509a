//! Encoding header blocks. Nothing is indexed that is not in the static table: a response's fields
//! rarely repeat to the byte, and an encoder without state costs the least time and no memory.

use super::table::static_name;
use http::StatusCode;

/// Writes `:status`.
pub(in crate::http2) fn status(out: &mut Vec<u8>, status: StatusCode) {
    let index = match status.as_u16() {
        200 => 8,
        204 => 9,
        206 => 10,
        304 => 11,
        400 => 12,
        404 => 13,
        500 => 14,
        _ => {
            // Literal without indexing, name 8.
            out.push(0x08);
            string(out, status.as_str().as_bytes());
            return;
        }
    };
    out.push(0x80 | index);
}

/// Writes a field; the name is in lower case.
pub(in crate::http2) fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    // RFC 7541 section 7.1.3: what is secret and guessable is never to be indexed, by nobody.
    let form = if name == b"set-cookie" { 0x10 } else { 0x00 };
    match static_name(name) {
        Some(index) => integer(out, form, 4, usize::from(index)),
        None => {
            out.push(form);
            string(out, name);
        }
    }
    string(out, value);
}

/// Writes a field whose value is a number.
pub(in crate::http2) fn number(out: &mut Vec<u8>, name: &[u8], value: u64) {
    field(out, name, itoa::Buffer::new().format(value).as_bytes());
}

fn string(out: &mut Vec<u8>, text: &[u8]) {
    integer(out, 0, 7, text.len());
    out.extend_from_slice(text);
}

/// An integer behind the bits of `form` (RFC 7541 section 5.1).
pub(super) fn integer(out: &mut Vec<u8>, form: u8, prefix: u32, value: usize) {
    let mask = (1usize << prefix) - 1;
    if value < mask {
        out.push(form | value as u8);
        return;
    }
    out.push(form | mask as u8);
    let mut left = value - mask;
    while left >= 128 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}
