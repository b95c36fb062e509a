//! Regular expressions of routes as `RegexValues`.
//!
//! "The regular expressions used in rule conditions and rule transforms do not support the following features:
//! lookaheads, lookbehinds, backreferences, atomic groups, possessive quantifiers, subroutines, recursion, and Unicode
//! character classes (such as \p{L})"
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html>). Routes are written in the
//! dialect of [`gatewright_model::pattern`]; what reads the same in both is passed on, the rest is refused.

use super::literal::{Refusal, checked};
use crate::Str;
use regex_syntax::ast::parse::ParserBuilder;
use regex_syntax::ast::{self, AssertionKind, Ast, ClassSetItem, GroupKind, LiteralKind, Visitor};

/// Deepest nesting, as in [`gatewright_model::pattern`].
const MAX_NESTING: u32 = 64;

/// An expression that an ALB and the dialect of routes read in the same way.
pub(super) fn readable(source: &str) -> Result<Ast, Refusal> {
    if let Some(found) = source.chars().find(|found| !matches!(found, ' '..='~')) {
        return Err(format!(
            "the regular expression holds {found:?}; ASCII is accepted"
        ));
    }
    let parsed = ParserBuilder::new().nest_limit(MAX_NESTING).build().parse(source);
    let tree = parsed.map_err(|error| {
        let what = match error.kind() {
            ast::ErrorKind::UnsupportedLookAround => "look-around is not supported".to_owned(),
            ast::ErrorKind::UnsupportedBackreference => "back-references are not supported".to_owned(),
            other => other.to_string(),
        };
        format!("the regular expression cannot be used: {what}")
    })?;
    ast::visit(&tree, Dialect)?;
    Ok(tree)
}

/// An expression that matches the whole value, as routes' do; an ALB's matches anywhere unless anchored.
pub(super) fn anchored(source: &str) -> Result<Str, Refusal> {
    let tree = readable(source)?;
    let assertion = |part: Option<&Ast>| match part {
        Some(Ast::Assertion(found)) => Some(found.kind.clone()),
        _ => None,
    };
    let (begins, ends) = match &tree {
        Ast::Alternation(_) => return checked(format!("^(?:{source})$")),
        Ast::Concat(parts) => (assertion(parts.asts.first()), assertion(parts.asts.last())),
        _ => (None, None),
    };
    let begins = matches!(begins, Some(AssertionKind::StartLine | AssertionKind::StartText));
    let ends = matches!(ends, Some(AssertionKind::EndLine | AssertionKind::EndText));
    let front = if begins { "" } else { "^" };
    let back = if ends { "" } else { "$" };
    checked(format!("{front}{source}{back}"))
}

/// Refuses what the two dialects do not have in common.
struct Dialect;

fn refused<T>(what: &str) -> Result<T, Refusal> {
    Err(format!(
        "the regular expression has {what}, which an ALB's expressions do not have or read differently"
    ))
}

impl Visitor for Dialect {
    type Output = ();
    type Err = Refusal;

    fn finish(self) -> Result<(), Refusal> {
        Ok(())
    }

    fn visit_pre(&mut self, part: &Ast) -> Result<(), Refusal> {
        match part {
            Ast::Flags(_) => refused("flags such as (?i)"),
            Ast::ClassUnicode(_) => refused(r"a Unicode class such as \p{L}"),
            Ast::Group(group) => match &group.kind {
                GroupKind::CaptureIndex(_) => Ok(()),
                GroupKind::CaptureName { .. } => refused("a named group"),
                GroupKind::NonCapturing(flags) if flags.items.is_empty() => Ok(()),
                GroupKind::NonCapturing(_) => refused("flags such as (?i:...)"),
            },
            Ast::Repetition(outer) => match &*outer.ast {
                // `a++` is `(?:a+)+` here and possessive there.
                Ast::Repetition(_) => refused("a repetition of a repetition"),
                _ => Ok(()),
            },
            Ast::Assertion(found) => match found.kind {
                AssertionKind::StartLine
                | AssertionKind::EndLine
                | AssertionKind::StartText
                | AssertionKind::EndText
                | AssertionKind::WordBoundary
                | AssertionKind::NotWordBoundary => Ok(()),
                _ => refused("a boundary at one side of a word"),
            },
            Ast::Literal(literal) => literal_of(literal),
            Ast::Empty(_)
            | Ast::Dot(_)
            | Ast::ClassPerl(_)
            | Ast::ClassBracketed(_)
            | Ast::Alternation(_)
            | Ast::Concat(_) => Ok(()),
        }
    }

    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), Refusal> {
        match item {
            ClassSetItem::Unicode(_) => refused(r"a Unicode class such as \p{L}"),
            ClassSetItem::Bracketed(_) => refused("a class inside of a class"),
            ClassSetItem::Literal(literal) => literal_of(literal),
            ClassSetItem::Range(range) => literal_of(&range.start).and_then(|()| literal_of(&range.end)),
            ClassSetItem::Empty(_)
            | ClassSetItem::Ascii(_)
            | ClassSetItem::Perl(_)
            | ClassSetItem::Union(_) => Ok(()),
        }
    }

    fn visit_class_set_binary_op_pre(&mut self, _: &ast::ClassSetBinaryOp) -> Result<(), Refusal> {
        refused("an operation on classes such as &&")
    }
}

fn literal_of(literal: &ast::Literal) -> Result<(), Refusal> {
    if !literal.c.is_ascii() {
        return refused("a character outside of ASCII");
    }
    match &literal.kind {
        LiteralKind::HexFixed(kind) | LiteralKind::HexBrace(kind) if *kind != ast::HexLiteralKind::X => {
            refused(r"an escape such as \u0041")
        }
        LiteralKind::Octal => refused("an octal escape"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::anchored;

    fn of(source: &str) -> String {
        anchored(source).unwrap().to_string()
    }

    #[test]
    fn the_whole_value_must_match() {
        assert_eq!(of("/v[0-9]+/.*"), "^/v[0-9]+/.*$");
        assert_eq!(of("^/v1$"), "^/v1$");
        assert_eq!(of("^/v1"), "^/v1$");
        assert_eq!(of("a|b"), "^(?:a|b)$");
        assert_eq!(of("^a|b$"), "^(?:^a|b$)$");
        assert_eq!(of("(a|b)"), "^(a|b)$");
        assert_eq!(of("a+?"), "^a+?$");
        assert_eq!(
            of(r"(?:\w+\.)*\x41[[:alpha:]\d_-]{2,3}"),
            r"^(?:\w+\.)*\x41[[:alpha:]\d_-]{2,3}$"
        );
    }

    /// listener-rules.html, "Rule basics".
    #[test]
    fn what_an_alb_does_not_have_is_refused() {
        for (source, word) in [
            ("(?=a)b", "look-around"),
            ("(?!a)b", "look-around"),
            ("(?<=a)b", "look-around"),
            (r"(a)\1", "back-references"),
            ("a++", "repetition of a repetition"),
            ("a{2}+", "repetition of a repetition"),
            (r"\p{L}", "Unicode"),
            (r"[\pL]", "Unicode"),
            ("(?i)a", "flags"),
            ("(?i:a)", "flags"),
            ("(?P<n>a)", "named"),
            ("[a-z&&[^b]]", "classes"),
            ("[a[bc]]", "class inside"),
            (r"\b{start}a", "boundary"),
            ("ä", "ASCII"),
            (r"\x{e4}", "ASCII"),
            (r"\u0041", "escape"),
        ] {
            let why = anchored(source).unwrap_err();
            assert!(why.contains(word), "{source}: {why}");
        }
        assert!(anchored(&"a".repeat(127)).unwrap_err().contains("at most 128"));
        assert!(anchored(&"a".repeat(126)).is_ok());
    }
}
