//! Cutting a stream at its document markers.

use crate::diagnostic::Position;

/// A part of the file between two markers, its own marker line included.
pub(super) struct RawPart<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) line_offset: u32,
}

/// Cuts before every line that starts a document: `---` followed by white space or the end of the line (YAML 1.2.2,
/// production `c-directives-end`). Within a document such a line cannot occur (`c-forbidden`), so the cut is exact.
pub(super) fn parts(bytes: &[u8]) -> impl Iterator<Item = RawPart<'_>> {
    let mut rest = bytes;
    let mut line_offset = 0_u32;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = 0;
        let mut lines = 0_u32;
        for line in rest.split_inclusive(|byte| *byte == b'\n') {
            if end > 0 && starts_document(line) {
                break;
            }
            end += line.len();
            lines = lines.saturating_add(1);
        }
        let (part, tail) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        let raw = RawPart {
            bytes: part,
            line_offset,
        };
        rest = tail;
        line_offset = line_offset.saturating_add(lines);
        Some(raw)
    })
}

fn starts_document(line: &[u8]) -> bool {
    line.strip_prefix(b"---").is_some_and(|after| {
        after
            .first()
            .is_none_or(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
    })
}

/// As kubectl guesses: a stream whose first visible byte is a brace is JSON.
pub(super) fn looks_like_json(bytes: &[u8]) -> bool {
    bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

/// True when a part holds no document: blank lines, comments, directives and markers only.
pub(super) fn is_blank(text: &str) -> bool {
    text.lines().all(|line| {
        let line = line
            .strip_prefix("---")
            .or_else(|| line.strip_prefix("..."))
            .unwrap_or(line)
            .trim();
        line.is_empty() || line.starts_with('#') || line.starts_with('%')
    })
}

/// The position of the byte after `before`, which starts `line_offset` lines into the file.
pub(super) fn position_after(before: &[u8], line_offset: u32) -> Position {
    let lines = before.split(|byte| *byte == b'\n').count() - 1;
    let last = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let column = String::from_utf8_lossy(last).chars().count();
    Position {
        line: line_offset
            .saturating_add(u32::try_from(lines).unwrap_or(u32::MAX))
            .saturating_add(1),
        column: u32::try_from(column).unwrap_or(u32::MAX).saturating_add(1),
    }
}
