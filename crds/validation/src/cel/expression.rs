//! What is evaluated: expressions after macros, escapes and constants were dealt with.

use regex::Regex;

use super::functions::Function;
use super::value::Val;

/// An expression; its own parts are evaluated when it needs them.
#[derive(Debug)]
pub(super) enum Expr {
    Const(Val<'static>),
    SelfValue,
    OldSelf,
    Variable(usize),
    Select {
        operand: Box<Expr>,
        field: Box<str>,
    },
    Has {
        operand: Box<Expr>,
        field: Box<str>,
    },
    OptionalSelect {
        operand: Box<Expr>,
        field: Box<str>,
    },
    Index {
        operand: Box<Expr>,
        index: Box<Expr>,
    },
    OptionalIndex {
        operand: Box<Expr>,
        index: Box<Expr>,
    },
    Not(Box<Expr>),
    Negate(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Conditional {
        condition: Box<Expr>,
        yes: Box<Expr>,
        no: Box<Expr>,
    },
    Binary {
        operator: Binary,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    List(Vec<Expr>),
    Map(Vec<(Expr, Expr)>),
    Matches {
        text: Box<Expr>,
        regex: Regex,
    },
    Call {
        function: Function,
        arguments: Vec<Expr>,
    },
    Quantifier {
        kind: Quantifier,
        range: Box<Expr>,
        slot: usize,
        predicate: Box<Expr>,
    },
    Transform {
        range: Box<Expr>,
        slot: usize,
        predicate: Option<Box<Expr>>,
        element: Box<Expr>,
    },
    /// `opt.optMap(x, expr)` and `opt.optFlatMap(x, expr)`.
    OptionalMap {
        operand: Box<Expr>,
        slot: usize,
        body: Box<Expr>,
        flat: Flat,
    },
}

/// Whether the body of an optional map makes the optional itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flat {
    Yes,
    No,
}

/// A comprehension that yields a boolean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantifier {
    All,
    Exists,
    ExistsOne,
}

/// An operator on two evaluated operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    In,
}
