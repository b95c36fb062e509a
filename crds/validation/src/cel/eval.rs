//! Running a compiled expression.

use std::borrow::Cow;
use std::sync::Arc;

use super::compile::Program;
use super::expression::{Binary, Expr, Flat, Quantifier};
use super::functions::Function;
use super::value::{Elements, Val};

/// Why an expression has no value.
#[derive(Clone, Debug)]
pub(super) struct EvalError(pub(super) Cow<'static, str>);

impl EvalError {
    pub(super) fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self(text.into())
    }

    fn no_overload(what: &str, values: &[&Val<'_>]) -> Self {
        let types: Vec<&str> = values.iter().map(|value| value.type_name()).collect();
        Self(format!("no such overload: {what}({})", types.join(", ")).into())
    }
}

type Evaluated<'a> = Result<Val<'a>, EvalError>;

impl Program {
    /// The value of the expression for `self_value` and `old_self`.
    pub(super) fn evaluate<'a>(&'a self, self_value: Val<'a>, old_self: Val<'a>) -> Evaluated<'a> {
        let mut frame = Frame {
            self_value,
            old_self,
            slots: vec![Val::Null; self.slots],
        };
        frame.eval(&self.root)
    }
}

struct Frame<'a> {
    self_value: Val<'a>,
    old_self: Val<'a>,
    slots: Vec<Val<'a>>,
}

impl<'a> Frame<'a> {
    fn eval(&mut self, expr: &'a Expr) -> Evaluated<'a> {
        match expr {
            Expr::Const(Val::Str(text)) => Ok(Val::Str(Cow::Borrowed(text))),
            Expr::Const(value) => Ok(value.clone()),
            Expr::SelfValue => Ok(self.self_value.clone()),
            Expr::OldSelf => Ok(self.old_self.clone()),
            Expr::Variable(slot) => self
                .slots
                .get(*slot)
                .cloned()
                .ok_or_else(|| EvalError::new("variable without value")),
            Expr::Select { operand, field } => self.select(operand, field),
            Expr::Has { operand, field } => self.has(operand, field),
            Expr::OptionalSelect { operand, field } => {
                let operand = self.eval(operand)?;
                Ok(Val::Optional(
                    optional(operand)
                        .and_then(|value| value.field(field))
                        .map(Arc::new),
                ))
            }
            Expr::Index { operand, index } => self.index(operand, index),
            Expr::OptionalIndex { operand, index } => {
                let operand = self.eval(operand)?;
                let index = self.eval(index)?;
                Ok(Val::Optional(
                    optional(operand)
                        .and_then(|value| at(&value, &index).ok())
                        .map(Arc::new),
                ))
            }
            Expr::Not(operand) => match self.eval(operand)? {
                Val::Bool(flag) => Ok(Val::Bool(!flag)),
                other => Err(EvalError::no_overload("!_", &[&other])),
            },
            Expr::Negate(operand) => negate(self.eval(operand)?),
            Expr::And(left, right) => self.logic(left, right, false),
            Expr::Or(left, right) => self.logic(left, right, true),
            Expr::Conditional { condition, yes, no } => match self.eval(condition)? {
                Val::Bool(true) => self.eval(yes),
                Val::Bool(false) => self.eval(no),
                other => Err(EvalError::no_overload("_?_:_", &[&other])),
            },
            Expr::Binary {
                operator,
                left,
                right,
            } => {
                let left = self.eval(left)?;
                let right = self.eval(right)?;
                binary(*operator, &left, &right)
            }
            Expr::List(items) => Ok(Val::list(self.each(items)?)),
            Expr::Map(entries) => {
                let entries: Result<Vec<_>, EvalError> = entries
                    .iter()
                    .map(|(key, value)| Ok((self.eval(key)?, self.eval(value)?)))
                    .collect();
                Ok(Val::Map(entries?.into()))
            }
            Expr::Matches { text, regex } => match self.eval(text)? {
                Val::Str(text) => Ok(Val::Bool(regex.is_match(&text))),
                other => Err(EvalError::no_overload("matches", &[&other])),
            },
            Expr::Call { function, arguments } => self.call(function, arguments),
            Expr::Quantifier {
                kind,
                range,
                slot,
                predicate,
            } => self.quantify(*kind, range, *slot, predicate),
            Expr::Transform {
                range,
                slot,
                predicate,
                element,
            } => self.transform(range, *slot, predicate.as_deref(), element),
            Expr::OptionalMap {
                operand,
                slot,
                body,
                flat,
            } => self.optional_map(operand, *slot, body, *flat),
        }
    }

    /// `operand.field`; of an optional an optional.
    fn select(&mut self, operand: &'a Expr, field: &str) -> Evaluated<'a> {
        let operand = self.eval(operand)?;
        if let Val::Optional(optional) = operand {
            let found = optional.and_then(|value| value.field(field));
            return Ok(Val::Optional(found.map(Arc::new)));
        }
        operand
            .field(field)
            .ok_or_else(|| EvalError(format!("no such key: {field}").into()))
    }

    /// `has(operand.field)`.
    fn has(&mut self, operand: &'a Expr, field: &str) -> Evaluated<'a> {
        Ok(Val::Bool(match self.eval(operand)? {
            Val::Optional(optional) => optional.is_some_and(|value| value.field(field).is_some()),
            operand => operand.has(field),
        }))
    }

    /// `operand[index]`; of an optional an optional.
    fn index(&mut self, operand: &'a Expr, index: &'a Expr) -> Evaluated<'a> {
        let operand = self.eval(operand)?;
        let index = self.eval(index)?;
        if let Val::Optional(optional) = operand {
            let found = optional.and_then(|value| at(&value, &index).ok());
            return Ok(Val::Optional(found.map(Arc::new)));
        }
        at(&operand, &index)
    }

    fn each(&mut self, exprs: &'a [Expr]) -> Result<Vec<Val<'a>>, EvalError> {
        exprs.iter().map(|expr| self.eval(expr)).collect()
    }

    fn call(&mut self, function: &Function, arguments: &'a [Expr]) -> Evaluated<'a> {
        let arguments = self.each(arguments)?;
        function.call(&arguments).unwrap_or_else(|| {
            let values: Vec<&Val<'_>> = arguments.iter().collect();
            Err(EvalError::no_overload(function.name, &values))
        })
    }

    /// `range.filter(x, predicate)` and `range.map(x, predicate, element)`.
    fn transform(
        &mut self,
        range: &'a Expr,
        slot: usize,
        predicate: Option<&'a Expr>,
        element: &'a Expr,
    ) -> Evaluated<'a> {
        let mut out = Vec::new();
        for item in self.range(range)? {
            self.set(slot, item);
            let keep = match predicate {
                None => true,
                Some(predicate) => match self.eval(predicate)? {
                    Val::Bool(flag) => flag,
                    other => return Err(EvalError::no_overload("_?_:_", &[&other])),
                },
            };
            if keep {
                out.push(self.eval(element)?);
            }
        }
        Ok(Val::list(out))
    }

    /// `operand.optMap(x, body)` and `operand.optFlatMap(x, body)`.
    fn optional_map(&mut self, operand: &'a Expr, slot: usize, body: &'a Expr, flat: Flat) -> Evaluated<'a> {
        match self.eval(operand)? {
            Val::Optional(None) => Ok(Val::Optional(None)),
            Val::Optional(Some(value)) => {
                self.set(slot, (*value).clone());
                let mapped = self.eval(body)?;
                Ok(if flat == Flat::Yes {
                    mapped
                } else {
                    Val::some(mapped)
                })
            }
            other => Err(EvalError::no_overload("optMap", &[&other])),
        }
    }

    /// `&&` and `||` do not depend on the order of their operands: an error counts only if the other side does not
    /// decide (CEL specification, "Logical Operators").
    fn logic(&mut self, left: &'a Expr, right: &'a Expr, decisive: bool) -> Evaluated<'a> {
        let left = self.eval(left);
        if matches!(left, Ok(Val::Bool(flag)) if flag == decisive) {
            return Ok(Val::Bool(decisive));
        }
        let right = self.eval(right);
        match (left, right) {
            (_, Ok(Val::Bool(flag))) if flag == decisive => Ok(Val::Bool(decisive)),
            (Ok(Val::Bool(_)), Ok(Val::Bool(_))) => Ok(Val::Bool(!decisive)),
            (Err(error), _) | (Ok(Val::Bool(_)), Err(error)) => Err(error),
            (Ok(left), Ok(right)) => Err(EvalError::no_overload(
                if decisive { "_||_" } else { "_&&_" },
                &[&left, &right],
            )),
            (Ok(left), Err(_)) => Err(EvalError::no_overload(
                if decisive { "_||_" } else { "_&&_" },
                &[&left],
            )),
        }
    }

    fn range(&mut self, range: &'a Expr) -> Result<Elements<'a>, EvalError> {
        let range = self.eval(range)?;
        Elements::of(&range).ok_or_else(|| EvalError::no_overload("comprehension", &[&range]))
    }

    fn set(&mut self, slot: usize, value: Val<'a>) {
        if let Some(place) = self.slots.get_mut(slot) {
            *place = value;
        }
    }

    fn quantify(
        &mut self,
        kind: Quantifier,
        range: &'a Expr,
        slot: usize,
        predicate: &'a Expr,
    ) -> Evaluated<'a> {
        let mut error = None;
        let mut count = 0_usize;
        for item in self.range(range)? {
            self.set(slot, item);
            let result = match self.eval(predicate) {
                Ok(Val::Bool(flag)) => Ok(flag),
                Ok(other) => Err(EvalError::no_overload("predicate", &[&other])),
                Err(error) => Err(error),
            };
            match (kind, result) {
                (Quantifier::All, Ok(false)) => return Ok(Val::Bool(false)),
                (Quantifier::Exists, Ok(true)) => return Ok(Val::Bool(true)),
                (Quantifier::ExistsOne, Ok(true)) => count += 1,
                (_, Ok(_)) => {}
                // `all` and `exists` are chains of `&&` and `||` and absorb errors as those do.
                (Quantifier::All | Quantifier::Exists, Err(found)) => error = error.or(Some(found)),
                (Quantifier::ExistsOne, Err(found)) => return Err(found),
            }
        }
        match error {
            Some(error) => Err(error),
            None => Ok(Val::Bool(match kind {
                Quantifier::All => true,
                Quantifier::Exists => false,
                Quantifier::ExistsOne => count == 1,
            })),
        }
    }
}

const OVERFLOW: EvalError = EvalError(Cow::Borrowed("integer overflow"));
const DIVISION: EvalError = EvalError(Cow::Borrowed("division by zero"));

/// The value that optional selection works on.
fn optional(value: Val<'_>) -> Option<Arc<Val<'_>>> {
    match value {
        Val::Optional(inner) => inner,
        other => Some(Arc::new(other)),
    }
}

fn at<'a>(operand: &Val<'a>, index: &Val<'a>) -> Evaluated<'a> {
    let position = match index {
        Val::Int(int) => usize::try_from(*int).ok(),
        Val::Uint(uint) => usize::try_from(*uint).ok(),
        _ => None,
    };
    if operand.type_name() == "list" {
        return position
            .and_then(|position| operand.item(position))
            .ok_or_else(|| match index {
                Val::Int(int) => EvalError(format!("index out of bounds: {int}").into()),
                other => EvalError::no_overload("_[_]", &[operand, other]),
            });
    }
    operand.lookup(index).ok_or_else(|| match index {
        Val::Str(key) => EvalError(format!("no such key: {key}").into()),
        other => EvalError::no_overload("_[_]", &[operand, other]),
    })
}

fn negate(operand: Val<'_>) -> Evaluated<'_> {
    match operand {
        Val::Int(int) => int.checked_neg().map(Val::Int).ok_or(OVERFLOW),
        Val::Double(double) => Ok(Val::Double(-double)),
        Val::Duration(nanos) => nanos.checked_neg().map(Val::Duration).ok_or(OVERFLOW),
        other => Err(EvalError::no_overload("-_", &[&other])),
    }
}

fn binary<'a>(operator: Binary, left: &Val<'a>, right: &Val<'a>) -> Evaluated<'a> {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let ordered = |name: &str, accept: &[std::cmp::Ordering]| {
        left.compare(right)
            .map(|order| Val::Bool(accept.contains(&order)))
            .ok_or_else(|| EvalError::no_overload(name, &[left, right]))
    };
    match operator {
        Binary::Equal => Ok(Val::Bool(left.equals(right))),
        Binary::NotEqual => Ok(Val::Bool(!left.equals(right))),
        Binary::Less => ordered("_<_", &[Less]),
        Binary::LessEqual => ordered("_<=_", &[Less, Equal]),
        Binary::Greater => ordered("_>_", &[Greater]),
        Binary::GreaterEqual => ordered("_>=_", &[Greater, Equal]),
        Binary::In => match right.type_name() {
            "list" => {
                let items = Elements::of(right);
                Ok(Val::Bool(
                    items.into_iter().flatten().any(|item| item.equals(left)),
                ))
            }
            "map" => Ok(Val::Bool(right.lookup(left).is_some())),
            _ => Err(EvalError::no_overload("@in", &[left, right])),
        },
        Binary::Add | Binary::Subtract | Binary::Multiply | Binary::Divide | Binary::Modulo => {
            arithmetic(operator, left, right)
        }
    }
}

fn arithmetic<'a>(operator: Binary, left: &Val<'a>, right: &Val<'a>) -> Evaluated<'a> {
    match (operator, left, right) {
        (Binary::Divide | Binary::Modulo, _, Val::Int(0) | Val::Uint(0)) => Err(DIVISION),
        (Binary::Add, Val::Int(a), Val::Int(b)) => a.checked_add(*b).map(Val::Int).ok_or(OVERFLOW),
        (Binary::Subtract, Val::Int(a), Val::Int(b)) => a.checked_sub(*b).map(Val::Int).ok_or(OVERFLOW),
        (Binary::Multiply, Val::Int(a), Val::Int(b)) => a.checked_mul(*b).map(Val::Int).ok_or(OVERFLOW),
        (Binary::Divide, Val::Int(a), Val::Int(b)) => a.checked_div(*b).map(Val::Int).ok_or(OVERFLOW),
        (Binary::Modulo, Val::Int(a), Val::Int(b)) => a.checked_rem(*b).map(Val::Int).ok_or(OVERFLOW),
        (Binary::Add, Val::Uint(a), Val::Uint(b)) => a.checked_add(*b).map(Val::Uint).ok_or(OVERFLOW),
        (Binary::Subtract, Val::Uint(a), Val::Uint(b)) => a.checked_sub(*b).map(Val::Uint).ok_or(OVERFLOW),
        (Binary::Multiply, Val::Uint(a), Val::Uint(b)) => a.checked_mul(*b).map(Val::Uint).ok_or(OVERFLOW),
        (Binary::Divide, Val::Uint(a), Val::Uint(b)) => a.checked_div(*b).map(Val::Uint).ok_or(OVERFLOW),
        (Binary::Modulo, Val::Uint(a), Val::Uint(b)) => a.checked_rem(*b).map(Val::Uint).ok_or(OVERFLOW),
        (Binary::Add, Val::Double(a), Val::Double(b)) => Ok(Val::Double(a + b)),
        (Binary::Subtract, Val::Double(a), Val::Double(b)) => Ok(Val::Double(a - b)),
        (Binary::Multiply, Val::Double(a), Val::Double(b)) => Ok(Val::Double(a * b)),
        (Binary::Divide, Val::Double(a), Val::Double(b)) => Ok(Val::Double(a / b)),
        (Binary::Add, Val::Str(a), Val::Str(b)) => Ok(Val::str(format!("{a}{b}"))),
        (Binary::Add, Val::Duration(a), Val::Duration(b)) => {
            a.checked_add(*b).map(Val::Duration).ok_or(OVERFLOW)
        }
        (Binary::Subtract, Val::Duration(a), Val::Duration(b)) => {
            a.checked_sub(*b).map(Val::Duration).ok_or(OVERFLOW)
        }
        (Binary::Add, left, right) => match (left.type_name(), right.type_name()) {
            ("list", "list") => {
                let mut items = left.elements().unwrap_or_default();
                items.extend(right.elements().unwrap_or_default());
                Ok(Val::list(items))
            }
            _ => Err(EvalError::no_overload("_+_", &[left, right])),
        },
        (operator, left, right) => Err(EvalError::no_overload(
            match operator {
                Binary::Subtract => "_-_",
                Binary::Multiply => "_*_",
                Binary::Divide => "_/_",
                _ => "_%_",
            },
            &[left, right],
        )),
    }
}
