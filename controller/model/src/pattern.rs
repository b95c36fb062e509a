//! Regular expressions of routes (`RegularExpression` of paths, headers, queries and gRPC methods).

use crate::Str;
use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::Hir;
use regex_syntax::hir::literal::Extractor;
use thiserror::Error;

/// Longest accepted pattern in bytes: that of `HTTPHeaderMatch.value`; two gRPC values fit as well.
const MAX_LENGTH: usize = 4096;
/// Deepest nesting of groups.
const MAX_NESTING: u32 = 64;
/// Most memory that a compiled pattern may take, in bytes.
const MAX_COMPILED: usize = 1 << 20;

/// A compiled regular expression that must match the whole value.
///
/// The dialect is RE2's as far as the `regex` crate has it: no look-around, no back-references, time
/// linear in the value. `\d`, `\w`, `\s` and `\b` mean ASCII, as in RE2, unless the pattern needs
/// Unicode classes (`\pL`). Case-sensitive unless it says `(?i)`.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: Str,
    regex: Regex,
}

/// Why a pattern is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PatternError {
    /// Longer than 4096 bytes.
    #[error("the regular expression has {0} bytes; accepted are up to {MAX_LENGTH}")]
    Length(usize),
    /// Not in the dialect; the text tells where and why.
    #[error("{0}")]
    Syntax(Str),
    /// Its compiled form is larger than 1 MiB (for instance `(\w{1000}){1000}`).
    #[error(
        "the regular expression takes more than {MAX_COMPILED} bytes when compiled; use smaller repetitions"
    )]
    Size,
}

impl Pattern {
    /// Compiles a pattern.
    pub fn compile(source: &str) -> Result<Self, PatternError> {
        if source.len() > MAX_LENGTH {
            return Err(PatternError::Length(source.len()));
        }
        // Parsed on its own first: `a)|(b` is an error, not two halves that fit an outer group.
        let hir = parse(source)?;
        let regex = RegexBuilder::new(&format!(r"\A(?:{hir})\z"))
            .size_limit(MAX_COMPILED)
            .nest_limit(MAX_NESTING + 4)
            .build()
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => PatternError::Size,
                other => PatternError::Syntax(other.to_string().into()),
            })?;
        Ok(Self {
            source: source.into(),
            regex,
        })
    }

    /// The pattern as written.
    pub fn source(&self) -> &Str {
        &self.source
    }

    /// Whether the whole value matches.
    pub fn is_match(&self, value: &[u8]) -> bool {
        self.regex.is_match(value)
    }
}

fn parse(source: &str) -> Result<Hir, PatternError> {
    let mut parser = ParserBuilder::new();
    parser.utf8(false).nest_limit(MAX_NESTING);
    if let Ok(hir) = parser.unicode(false).build().parse(source) {
        return Ok(hir);
    }
    let unicode = parser.unicode(true).build().parse(source);
    unicode.map_err(|error| PatternError::Syntax(error.to_string().into()))
}

/// Text that every match of a pattern begins with; empty when there is none or when the pattern is
/// not valid.
pub(crate) fn literal_prefix(source: &str) -> String {
    if source.len() > MAX_LENGTH {
        return String::new();
    }
    let Ok(hir) = parse(source) else {
        return String::new();
    };
    let literals = Extractor::new().extract(&hir);
    let literal = literals.longest_common_prefix().unwrap_or_default().to_vec();
    String::from_utf8(literal).unwrap_or_default()
}

#[cfg(test)]
mod tests;
