//! Regular expressions of conditions (`RegexValues`) and transforms.
//!
//! Documented (listener-rules, "Rule basics"): lookaheads, lookbehinds, backreferences, atomic groups, possessive
//! quantifiers, subroutines, recursion and Unicode character classes such as `\p{L}` are not supported.
//!
//! Assumed: an expression may match anywhere in what it is compared with unless it is anchored (every example of
//! the pages writes `^` and `$`), and it regards case, but for host names, which have none.

use super::wildcard::Case;
use regex::bytes::{Regex, RegexBuilder};

/// The largest compiled expression, in bytes: what an account wrote bounds no more than its own rule.
const COMPILED: usize = 1 << 20;

/// Why an expression is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// A feature that AWS does not support.
    #[error("the expression uses {0}, which is not supported")]
    Feature(&'static str),
    /// It cannot be read.
    #[error("the expression cannot be read: {0}")]
    Syntax(String),
}

/// Whether AWS takes an expression.
pub fn check_regex(pattern: &str) -> Result<(), ExpressionError> {
    compile(pattern, Case::Kept).map(|_| ())
}

/// Compiles an expression.
pub(super) fn compile(pattern: &str, case: Case) -> Result<Regex, ExpressionError> {
    supported(pattern)?;
    RegexBuilder::new(pattern)
        .unicode(false)
        .case_insensitive(case == Case::Ignored)
        .size_limit(COMPILED)
        .dfa_size_limit(COMPILED)
        .build()
        .map_err(|e| ExpressionError::Syntax(last_line(&e.to_string())))
}

/// The features that AWS names, found by their spelling: most would not compile here either, but possessive
/// quantifiers would mean something else.
fn supported(pattern: &str) -> Result<(), ExpressionError> {
    let bytes = pattern.as_bytes();
    let mut at = 0;
    let mut class = false;
    // Whether the last thing was a quantifier: a `+` behind it makes it possessive.
    let mut quantified = false;
    while let Some(byte) = bytes.get(at) {
        let rest = bytes.get(at..).unwrap_or_default();
        let mut quantifier = false;
        match byte {
            b'\\' => {
                match bytes.get(at + 1) {
                    Some(b'p' | b'P') => return Err(ExpressionError::Feature("a Unicode character class")),
                    Some(b'1'..=b'9' | b'k') if !class => {
                        return Err(ExpressionError::Feature("a backreference"));
                    }
                    Some(b'g') if !class => return Err(ExpressionError::Feature("a subroutine")),
                    _ => {}
                }
                at += 1;
            }
            b'[' => class = true,
            b']' => class = false,
            b'(' if !class => group(rest)?,
            b'+' if !class && quantified => return Err(ExpressionError::Feature("a possessive quantifier")),
            b'*' | b'+' | b'}' if !class => quantifier = true,
            b'?' if !class => quantifier = !quantified,
            _ => {}
        }
        quantified = quantifier;
        at += 1;
    }
    Ok(())
}

fn group(rest: &[u8]) -> Result<(), ExpressionError> {
    let kinds: [(&[u8], &'static str); 9] = [
        (b"(?=", "a lookahead"),
        (b"(?!", "a lookahead"),
        (b"(?<=", "a lookbehind"),
        (b"(?<!", "a lookbehind"),
        (b"(?>", "an atomic group"),
        (b"(?R", "recursion"),
        (b"(?&", "a subroutine"),
        (b"(?P>", "a subroutine"),
        (b"(?P=", "a backreference"),
    ];
    match kinds.iter().find(|(start, _)| rest.starts_with(start)) {
        Some((_, feature)) => Err(ExpressionError::Feature(feature)),
        None if rest.starts_with(b"(?") && rest.get(2).is_some_and(u8::is_ascii_digit) => {
            Err(ExpressionError::Feature("recursion"))
        }
        None => Ok(()),
    }
}

/// The reason, without the drawing that the parser puts before it.
fn last_line(text: &str) -> String {
    text.lines()
        .last()
        .unwrap_or_default()
        .trim_start_matches("error: ")
        .to_owned()
}
