//! A header list built for a proxy: one buffer, no hashing, no allocation per field.

use super::spare;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::borrow::Cow;
use std::fmt;
use thiserror::Error;

/// Header or trailer fields in the order received.
///
/// Names are lower-case tokens and values hold no CR, LF or NUL: every way to add a field keeps
/// this, so that writing the list can never split a message (RFC 9110 section 5.5).
#[derive(Clone, Default)]
pub struct Headers {
    bytes: Vec<u8>,
    fields: Vec<Field>,
}

#[derive(Clone, Copy)]
pub(super) struct Field {
    name: u32,
    value: u32,
    value_len: u32,
    name_len: u16,
}

/// A name or value that may not appear in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidField {
    /// The name is not a token (RFC 9110 section 5.6.2) or longer than 64 KiB.
    #[error("the field name is not a token")]
    Name,
    /// The value has a control character other than tab, or a byte 0x7f.
    #[error("the field value has a control character")]
    Value,
}

/// Lower-cased token characters (RFC 9110 section 5.6.2); 0 for all other bytes.
pub(crate) const TOKEN: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut byte = 0usize;
    while byte < 256 {
        let c = byte as u8;
        let other = matches!(
            c,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        );
        if c.is_ascii_alphanumeric() || other {
            #[allow(clippy::indexing_slicing)] // Constant evaluation: out of bounds would not compile.
            {
                table[byte] = c.to_ascii_lowercase();
            }
        }
        byte += 1;
    }
    table
};

/// Lower-case form of a token byte, or 0.
#[allow(clippy::indexing_slicing)] // A table of 256 entries indexed by a byte.
pub(crate) const fn token(byte: u8) -> u8 {
    TOKEN[byte as usize]
}

/// Whether a byte may appear in a field value: visible, space, tab or obs-text.
pub(crate) const fn value_byte(byte: u8) -> bool {
    byte >= 0x20 && byte != 0x7f || byte == b'\t'
}

impl Headers {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty list with room for `fields` fields of `bytes` bytes together.
    pub fn with_capacity(fields: usize, bytes: usize) -> Self {
        let mut list = Self::default();
        (list.bytes, list.fields) = spare::take();
        list.bytes.reserve(bytes);
        list.fields.reserve(fields);
        list
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Removes all fields, keeping the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.fields.clear();
    }

    /// Fields in order: lower-case name, value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> + Clone {
        self.fields
            .iter()
            .map(|field| (self.name(field), self.value(field)))
    }

    /// Fields in order, names as bytes.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields
            .iter()
            .map(|field| (name_of(&self.bytes, field), value_of(&self.bytes, field)))
    }

    /// First value of a field; `name` in lower case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.fields
            .iter()
            .find(|field| self.is(field, name))
            .map(|field| self.value(field))
    }

    /// First value of a field as text, if it is UTF-8.
    pub fn get_str(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// All values of a field, in order; `name` in lower case.
    pub fn get_all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.fields
            .iter()
            .filter(move |field| self.is(field, name))
            .map(|field| self.value(field))
    }

    /// Whether there is such a field; `name` in lower case.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// All values joined with `,` (RFC 9110 section 5.3), as header matches compare them.
    pub fn joined<'a>(&'a self, name: &str) -> Option<Cow<'a, [u8]>> {
        let mut values = self.get_all(name);
        let first = values.next()?;
        let Some(second) = values.next() else {
            return Some(Cow::Borrowed(first));
        };
        let mut joined = first.to_vec();
        for value in std::iter::once(second).chain(values) {
            joined.push(b',');
            joined.extend_from_slice(value);
        }
        Some(Cow::Owned(joined))
    }

    /// Elements of a comma-separated list field over all its lines, trimmed, empty ones left out
    /// (RFC 9110 section 5.6.1). Not for fields whose elements may hold quoted commas.
    pub fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.get_all(name)
            .flat_map(|value| value.split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|element| !element.is_empty())
    }

    /// Appends a field whose parts are known to be valid.
    pub fn append(&mut self, name: &HeaderName, value: &HeaderValue) {
        self.push(name.as_str().as_bytes(), value.as_bytes());
    }

    /// Appends a field after checking it; the name's case is folded.
    ///
    /// # Errors
    /// When the name is not a token or the value holds a control character.
    pub fn append_raw(&mut self, name: &[u8], value: &[u8]) -> Result<(), InvalidField> {
        if !value.iter().copied().all(value_byte) {
            return Err(InvalidField::Value);
        }
        self.append_checked_value(name, value)
    }

    /// As [`Headers::append_raw`] for a value that the caller has checked.
    pub(crate) fn append_checked_value(&mut self, name: &[u8], value: &[u8]) -> Result<(), InvalidField> {
        let start = self.bytes.len();
        if name.is_empty() || name.len() > usize::from(u16::MAX) {
            return Err(InvalidField::Name);
        }
        self.bytes.extend_from_slice(name);
        // In place, without a branch for each byte.
        let mut bad = false;
        for byte in self.bytes.get_mut(start..).unwrap_or_default() {
            *byte = token(*byte);
            bad |= *byte == 0;
        }
        if bad {
            self.bytes.truncate(start);
            return Err(InvalidField::Name);
        }
        self.finish(start, name.len(), value);
        Ok(())
    }

    /// Appends a field whose name, a lower-case token, and value the caller has checked.
    pub(crate) fn append_checked(&mut self, name: &[u8], value: &[u8]) {
        debug_assert!(!name.is_empty() && u16::try_from(name.len()).is_ok());
        debug_assert!(name.iter().all(|byte| *byte != 0 && token(*byte) == *byte));
        debug_assert!(value.iter().all(|byte| value_byte(*byte)));
        self.push(name, value);
    }

    /// Replaces all fields of that name with one.
    pub fn set(&mut self, name: &HeaderName, value: &HeaderValue) {
        self.remove(name.as_str());
        self.append(name, value);
    }

    /// Replaces all fields of that name with one, after checking it.
    ///
    /// # Errors
    /// As [`Headers::append_raw`]; the list is unchanged then.
    pub fn set_raw(&mut self, name: &str, value: &[u8]) -> Result<(), InvalidField> {
        if !value.iter().copied().all(value_byte) {
            return Err(InvalidField::Value);
        }
        if name.is_empty() || name.bytes().any(|byte| token(byte) == 0) {
            return Err(InvalidField::Name);
        }
        self.remove(&name.to_ascii_lowercase());
        self.append_checked_value(name.as_bytes(), value)
    }

    /// Removes all fields of that name; `name` in lower case. Answers whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.fields.len();
        let bytes = &self.bytes;
        self.fields
            .retain(|field| name_of(bytes, field) != name.as_bytes());
        before != self.fields.len()
    }

    /// Keeps the fields for which `keep(name, value)` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &[u8]) -> bool) {
        self.retain_fields(|name, value| keep(std::str::from_utf8(name).unwrap_or_default(), value));
    }

    /// As [`Headers::retain`], with names as bytes.
    pub(crate) fn retain_fields(&mut self, mut keep: impl FnMut(&[u8], &[u8]) -> bool) {
        let bytes = &self.bytes;
        self.fields
            .retain(|field| keep(name_of(bytes, field), value_of(bytes, field)));
    }

    /// Size as HTTP/2 counts it: name, value and 32 per field (RFC 9113 section 6.5.2).
    pub fn list_size(&self) -> usize {
        self.fields
            .iter()
            .map(|field| usize::from(field.name_len) + field.value_len as usize + 32)
            .sum()
    }

    /// Writes the fields as HTTP/1 field lines.
    pub(crate) fn write_h1(&self, out: &mut Vec<u8>) {
        for field in &self.fields {
            out.extend_from_slice(name_of(&self.bytes, field));
            out.extend_from_slice(b": ");
            out.extend_from_slice(value_of(&self.bytes, field));
            out.extend_from_slice(b"\r\n");
        }
    }

    /// As a `HeaderMap`, for the HTTP/2 codec.
    pub fn to_map(&self) -> HeaderMap {
        let mut map = HeaderMap::with_capacity(self.fields.len());
        for (name, value) in self.iter() {
            if let (Ok(name), Ok(value)) = (
                HeaderName::from_bytes(name.as_bytes()),
                HeaderValue::from_bytes(value),
            ) {
                map.append(name, value);
            }
        }
        map
    }

    /// Appends all fields of a `HeaderMap`.
    pub fn extend_from_map(&mut self, map: &HeaderMap) {
        for (name, value) in map {
            self.append(name, value);
        }
    }

    fn push(&mut self, name: &[u8], value: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name);
        self.finish(start, name.len(), value);
    }

    fn finish(&mut self, start: usize, name_len: usize, value: &[u8]) {
        let value_start = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.fields.push(Field {
            name: start as u32,
            value: value_start as u32,
            value_len: value.len() as u32,
            name_len: name_len as u16,
        });
    }

    fn is(&self, field: &Field, name: &str) -> bool {
        usize::from(field.name_len) == name.len() && name_of(&self.bytes, field) == name.as_bytes()
    }

    fn name(&self, field: &Field) -> &str {
        std::str::from_utf8(name_of(&self.bytes, field)).unwrap_or_default()
    }

    fn value(&self, field: &Field) -> &[u8] {
        value_of(&self.bytes, field)
    }
}

fn name_of<'a>(bytes: &'a [u8], field: &Field) -> &'a [u8] {
    let start = field.name as usize;
    bytes
        .get(start..start + usize::from(field.name_len))
        .unwrap_or_default()
}

fn value_of<'a>(bytes: &'a [u8], field: &Field) -> &'a [u8] {
    let start = field.value as usize;
    bytes
        .get(start..start + field.value_len as usize)
        .unwrap_or_default()
}

impl Drop for Headers {
    fn drop(&mut self) {
        if self.bytes.capacity() > 0 {
            spare::give((std::mem::take(&mut self.bytes), std::mem::take(&mut self.fields)));
        }
    }
}

impl fmt::Debug for Headers {
    /// Names alone: values may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}
