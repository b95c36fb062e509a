//! `Values` with wildcards.
//!
//! Documented (rule-condition-types): `*` matches 0 or more characters, `?` exactly one. Rules "are applied only to
//! visible ASCII characters; control characters (0x00 to 0x1f and 0x7f) are excluded": a wildcard stands for none
//! of them here, nor for what is not ASCII. A space does count, as the page's own example for `User-Agent` needs it.
//!
//! Documented for query strings alone (API_QueryStringConditionConfig): a `\` before `*` or `?` takes their meaning.
//! Assumed: there, `\\` is one backslash, and a `\` before anything else is itself.

/// How characters are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    /// As they are.
    Kept,
    /// Without regard to ASCII case.
    Ignored,
}

/// Whether a `\` takes the meaning of a wildcard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escapes {
    /// It does.
    Backslash,
    /// It is a character like others.
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Byte(u8),
    One,
    Many,
}

/// A value with its wildcards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wildcard {
    parts: Vec<Part>,
    case: Case,
}

impl Wildcard {
    /// Reads a value.
    pub(super) fn new(value: &str, case: Case, escapes: Escapes) -> Self {
        let mut parts = Vec::with_capacity(value.len());
        let mut bytes = value.bytes().peekable();
        while let Some(byte) = bytes.next() {
            parts.push(match byte {
                b'\\' if escapes == Escapes::Backslash => {
                    match bytes.next_if(|next| matches!(next, b'*' | b'?' | b'\\')) {
                        Some(literal) => Part::Byte(literal),
                        None => Part::Byte(b'\\'),
                    }
                }
                b'*' => Part::Many,
                b'?' => Part::One,
                other => Part::Byte(other),
            });
        }
        Self { parts, case }
    }

    /// Whether it matches the whole of `text`. Its time is bounded by the product of both lengths.
    pub(super) fn matches(&self, text: &[u8]) -> bool {
        let (mut part, mut at) = (0, 0);
        // Where the last `*` was, and how far it reaches.
        let mut star: Option<(usize, usize)> = None;
        loop {
            match (self.parts.get(part), text.get(at)) {
                (None, None) => return true,
                (Some(Part::Many), _) => {
                    star = Some((part, at));
                    part += 1;
                    continue;
                }
                (Some(Part::One), Some(byte)) if visible(*byte) => {
                    part += 1;
                    at += 1;
                    continue;
                }
                (Some(Part::Byte(wanted)), Some(byte)) if self.same(*wanted, *byte) => {
                    part += 1;
                    at += 1;
                    continue;
                }
                _ => {}
            }
            // One more character for the last `*`.
            let Some((star_part, star_at)) = star else {
                return false;
            };
            match text.get(star_at) {
                Some(byte) if visible(*byte) => {
                    star = Some((star_part, star_at + 1));
                    part = star_part + 1;
                    at = star_at + 1;
                }
                _ => return false,
            }
        }
    }

    const fn same(&self, wanted: u8, byte: u8) -> bool {
        match self.case {
            Case::Kept => wanted == byte,
            Case::Ignored => wanted.eq_ignore_ascii_case(&byte),
        }
    }
}

const fn visible(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e)
}
