//! From the bytes of a file to JSON values: YAML streams and JSON, with positions and with bounds.
//!
//! Scalars are read as `kubectl` reads them (`sigs.k8s.io/yaml`, which is YAML 1.1: `yes`, `on` and `0777` are not
//! strings), merge keys and anchors are expanded within a budget, and a malformed document does not hide the others
//! of the same file: the stream is cut at the document markers (YAML 1.2.2, section 9.1.4) before anything is parsed.

mod builder;
mod json;
mod positions;
mod scalar;
mod split;
#[cfg(test)]
mod tests;
mod yaml;

use std::cell::OnceCell;
use std::rc::Rc;

use serde_json::Value;

use self::builder::Built;
use crate::diagnostic::{Code, Position, Severity};
pub(crate) use positions::{PositionTree, Prefer};

/// Bounds on what is read from one file. What exceeds one is refused with a diagnostic that names the bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a file. Callers that read files check the size before they read.
    pub file_bytes: usize,
    /// Bytes of one document of a file.
    pub document_bytes: usize,
    /// Documents of a file.
    pub documents: usize,
    /// Levels of nesting.
    pub depth: usize,
    /// Values in one document, with aliases and merge keys expanded.
    pub nodes: usize,
    /// Bytes of all strings of one document, with aliases and merge keys expanded.
    pub expanded_bytes: usize,
    /// Diagnostics reported for one file.
    pub diagnostics: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 64 << 20,
            document_bytes: 32 << 20,
            documents: 100_000,
            depth: 100,
            nodes: 2_000_000,
            expanded_bytes: 64 << 20,
            diagnostics: 1_000,
        }
    }
}

/// A finding about the text itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TextFinding {
    pub(crate) severity: Severity,
    pub(crate) code: Code,
    pub(crate) position: Option<Position>,
    pub(crate) message: String,
}

impl TextFinding {
    fn error(code: Code, position: Option<Position>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            position,
            message: message.into(),
        }
    }
}

/// The text of one part of a file, which normally holds one document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    pub(crate) text: &'a str,
    /// Lines of the file before `text`.
    pub(crate) line_offset: u32,
    syntax: Syntax,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Syntax {
    Yaml,
    Json,
}

/// One document: its value and where it came from.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    pub(crate) value: Value,
    /// Where its value starts.
    pub(crate) start: Position,
    /// Keys that stand twice in one mapping, with the place of the second; the last one counts.
    pub(crate) duplicates: Vec<(Position, String)>,
    part: Part<'a>,
    /// Which document of the part it is.
    index: usize,
    trees: Trees,
}

impl Document<'_> {
    /// The position of every value of the document. The text is parsed a second time for it: positions are wanted
    /// for documents with findings only, and those are few. Once for a part, however many documents it holds.
    pub(crate) fn positions(&self, limits: &Limits) -> Option<&PositionTree> {
        let trees = self.trees.get_or_init(|| {
            let mut reader = builder::Builder::new(limits, self.part.line_offset).tracking_positions();
            parse_part(&self.part, limits, &mut reader);
            reader
                .documents
                .into_iter()
                .map(|document| document.positions)
                .collect()
        });
        trees.get(self.index)?.as_ref()
    }
}

/// The position trees of the documents of a part, built when first asked for.
type Trees = Rc<OnceCell<Vec<Option<PositionTree>>>>;

/// What reading a file gives, in the order of the file.
#[derive(Debug)]
pub(crate) enum Read<'a> {
    /// Something is wrong with the text.
    Found(TextFinding),
    /// A document that could be read.
    Document(Document<'a>),
}

/// Reads a file and hands over what it gives, piece by piece, so that nothing piles up.
pub(crate) fn read<'a>(bytes: &'a [u8], limits: &Limits, emit: &mut dyn FnMut(Read<'a>)) {
    if bytes.len() > limits.file_bytes {
        let text = format!(
            "the file has {} bytes, more than the {} that are read from one file; split it",
            bytes.len(),
            limits.file_bytes
        );
        emit(Read::Found(TextFinding::error(Code::FileTooLarge, None, text)));
        return;
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let syntax = if split::looks_like_json(bytes) {
        Syntax::Json
    } else {
        Syntax::Yaml
    };
    let mut count = 0_usize;
    for raw in split::parts(bytes) {
        let part = match accept(&raw, limits, syntax) {
            Ok(Some(part)) => part,
            Ok(None) => continue,
            Err(finding) => {
                emit(Read::Found(finding));
                continue;
            }
        };
        let (part, reader) = parse(part, limits);
        let trees = Trees::default();
        for (index, built) in reader.documents.into_iter().enumerate() {
            count += 1;
            if count > limits.documents {
                let text = format!(
                    "more than {} documents in one file; the rest is not read",
                    limits.documents
                );
                emit(Read::Found(TextFinding::error(
                    Code::TooManyDocuments,
                    Some(built.start),
                    text,
                )));
                return;
            }
            let Built {
                value,
                start,
                duplicates,
                positions: _,
            } = built;
            let trees = Rc::clone(&trees);
            emit(Read::Document(Document {
                value,
                start,
                duplicates,
                part,
                index,
                trees,
            }));
        }
        // A part ends with what went wrong in it.
        reader
            .findings
            .into_iter()
            .for_each(|finding| emit(Read::Found(finding)));
    }
}

/// Checks the size and the encoding of a part. `None` for a part that holds no document.
fn accept<'a>(
    raw: &split::RawPart<'a>,
    limits: &Limits,
    syntax: Syntax,
) -> Result<Option<Part<'a>>, TextFinding> {
    if raw.bytes.len() > limits.document_bytes {
        let line = Position {
            line: raw.line_offset.saturating_add(1),
            column: 1,
        };
        let text = format!(
            "the document has {} bytes, more than the {} that are accepted",
            raw.bytes.len(),
            limits.document_bytes
        );
        return Err(TextFinding::error(Code::DocumentTooLarge, Some(line), text));
    }
    let text = std::str::from_utf8(raw.bytes).map_err(|error| {
        let before = raw.bytes.get(..error.valid_up_to()).unwrap_or_default();
        let position = split::position_after(before, raw.line_offset);
        TextFinding::error(
            Code::InvalidUtf8,
            Some(position),
            "invalid UTF-8; manifests are UTF-8 text",
        )
    })?;
    Ok((!split::is_blank(text)).then_some(Part {
        text,
        line_offset: raw.line_offset,
        syntax,
    }))
}

/// Parses a part. Like kubectl, what starts with a brace but is not JSON may be YAML in flow style.
fn parse<'a, 'l>(part: Part<'a>, limits: &'l Limits) -> (Part<'a>, builder::Builder<'l>) {
    let mut reader = builder::Builder::new(limits, part.line_offset);
    parse_part(&part, limits, &mut reader);
    if part.syntax == Syntax::Json && reader.failed() && reader.documents.is_empty() {
        let yaml = Part {
            syntax: Syntax::Yaml,
            ..part
        };
        let mut second = builder::Builder::new(limits, part.line_offset);
        parse_part(&yaml, limits, &mut second);
        if !second.failed() {
            return (yaml, second);
        }
    }
    (part, reader)
}

fn parse_part(part: &Part<'_>, limits: &Limits, reader: &mut builder::Builder<'_>) {
    match part.syntax {
        Syntax::Yaml => yaml::parse(part.text, reader),
        Syntax::Json => json::parse(part.text, limits, reader),
    }
}
