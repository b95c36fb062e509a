//! Patterns: Go's RE2 syntax, unanchored, compiled when first used.

use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};

/// A pattern of a schema.
#[derive(Debug)]
pub(crate) struct Pattern {
    source: String,
    compiled: OnceLock<Result<Regex, String>>,
}

impl Pattern {
    pub(crate) fn new(source: &str) -> Self {
        Self {
            source: source.to_owned(),
            compiled: OnceLock::new(),
        }
    }

    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Whether the pattern is found in `text`; the error says why the pattern itself is no good.
    pub(crate) fn matches(&self, text: &str) -> Result<bool, &str> {
        match self.compiled.get_or_init(|| compile(&self.source)) {
            Ok(regex) => Ok(regex.is_match(text)),
            Err(error) => Err(error),
        }
    }
}

/// Compiles a pattern written for Go's `regexp` package.
///
/// Both engines are RE2 descendants. The differences that matter: Go's Perl classes are ASCII, and the Rust crate
/// gives meaning to `[`, `&&`, `--` and `~~` inside a class.
pub(crate) fn compile(source: &str) -> Result<Regex, String> {
    RegexBuilder::new(&translate(source))
        .size_limit(4 << 20)
        .build()
        .map_err(|error| error.to_string())
}

fn translate(source: &str) -> String {
    let mut out = String::with_capacity(source.len() + 16);
    let mut chars = source.chars().peekable();
    // Inside a class: how many members were seen (a `]` as the first one is literal).
    let mut class: Option<usize> = None;
    while let Some(c) = chars.next() {
        match (c, class) {
            ('\\', _) => {
                let Some(escaped) = chars.next() else {
                    out.push('\\');
                    break;
                };
                match (escaped, class) {
                    ('d', Some(_)) => out.push_str("0-9"),
                    ('w', Some(_)) => out.push_str("0-9A-Za-z_"),
                    ('s', Some(_)) => out.push_str(r"\t\n\f\r "),
                    ('d', None) => out.push_str("[0-9]"),
                    ('w', None) => out.push_str("[0-9A-Za-z_]"),
                    ('s', None) => out.push_str(r"[\t\n\f\r ]"),
                    ('D', None) => out.push_str("[^0-9]"),
                    ('W', None) => out.push_str("[^0-9A-Za-z_]"),
                    ('S', None) => out.push_str(r"[^\t\n\f\r ]"),
                    ('b', None) => out.push_str(r"(?-u:\b)"),
                    ('Q', None) => quote(&mut chars, &mut out),
                    _ => {
                        out.push('\\');
                        out.push(escaped);
                    }
                }
                class = class.map(|n| n + 1);
            }
            ('[', None) => {
                out.push('[');
                if chars.peek() == Some(&'^') {
                    chars.next();
                    out.push('^');
                }
                class = Some(0);
            }
            ('[', Some(n)) if chars.peek() == Some(&':') => {
                out.push('[');
                for member in chars.by_ref() {
                    out.push(member);
                    if member == ']' {
                        break;
                    }
                }
                class = Some(n + 1);
            }
            (']', Some(0)) => {
                out.push_str(r"\]");
                class = Some(1);
            }
            (']', Some(_)) => {
                out.push(']');
                class = None;
            }
            ('[' | '&' | '~', Some(n)) => {
                out.push('\\');
                out.push(c);
                class = Some(n + 1);
            }
            _ => {
                out.push(c);
                class = class.map(|n| n + 1);
            }
        }
    }
    out
}

/// `\Q...\E`: literal text.
fn quote(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    let mut literal = String::new();
    while let Some(c) = chars.next() {
        if c == '\\' && chars.peek() == Some(&'E') {
            chars.next();
            break;
        }
        literal.push(c);
    }
    out.push_str(&regex::escape(&literal));
}
