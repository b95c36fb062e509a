//! From the parser's syntax tree to what the evaluator runs.

use std::borrow::Cow;
use std::sync::Arc;

use cel::common::ast::{ComprehensionExpr, EntryExpr, Expr as Ast, IdedExpr, LiteralValue, operators};

use super::escape::unescape;
use super::expression::{Binary, Expr, Flat, Quantifier};
use super::functions;
use super::value::Val;

/// A compiled expression.
#[derive(Debug)]
pub(crate) struct Program {
    pub(super) root: Expr,
    /// Slots for the variables of comprehensions.
    pub(super) slots: usize,
    uses_old_self: bool,
}

/// The namespaces of qualified functions.
const NAMESPACES: [&str; 6] = ["format", "sets", "math", "base64", "strings", "optional"];

impl Program {
    /// Parses and compiles `source`.
    pub(super) fn compile(source: &str) -> Result<Program, String> {
        let ast = cel::parser::PrattParser::new()
            .enable_optional_syntax(true)
            .enable_ident_escape_syntax(true)
            .parse(source)
            .map_err(|error| error.to_string())?;
        let mut compiler = Compiler {
            scope: Vec::new(),
            slots: 0,
            uses_old_self: false,
        };
        let root = compiler.expr(&ast)?;
        Ok(Program {
            root,
            slots: compiler.slots,
            uses_old_self: compiler.uses_old_self,
        })
    }

    pub(crate) fn uses_old_self(&self) -> bool {
        self.uses_old_self
    }
}

struct Compiler {
    scope: Vec<(String, usize)>,
    slots: usize,
    uses_old_self: bool,
}

impl Compiler {
    fn boxed(&mut self, expr: &IdedExpr) -> Result<Box<Expr>, String> {
        self.expr(expr).map(Box::new)
    }

    fn expr(&mut self, expr: &IdedExpr) -> Result<Expr, String> {
        match &expr.expr {
            Ast::Literal(literal) => Ok(Expr::Const(constant(literal))),
            Ast::Ident(name) => self.ident(name),
            Ast::Select(select) => {
                let operand = self.boxed(&select.operand)?;
                let field = unescape(&select.field).into();
                Ok(if select.test {
                    Expr::Has { operand, field }
                } else {
                    Expr::Select { operand, field }
                })
            }
            Ast::Call(call) => self.call(call),
            Ast::List(list) if list.optional_indices.is_empty() => {
                let items = self.all(&list.elements)?;
                Ok(fold_list(items))
            }
            Ast::Map(map) => {
                let mut entries = Vec::new();
                for entry in &map.entries {
                    match &entry.expr {
                        EntryExpr::MapEntry(entry) if !entry.optional => {
                            entries.push((self.expr(&entry.key)?, self.expr(&entry.value)?));
                        }
                        _ => return Err("only plain map entries are supported".to_owned()),
                    }
                }
                Ok(Expr::Map(entries))
            }
            Ast::Comprehension(comprehension) => self.comprehension(comprehension),
            Ast::List(_) => Err("optional list elements are not supported".to_owned()),
            Ast::Struct(value) => Err(format!("messages such as {} are not supported", value.type_name)),
            Ast::Unspecified => Err("incomplete expression".to_owned()),
        }
    }

    fn all(&mut self, exprs: &[IdedExpr]) -> Result<Vec<Expr>, String> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }

    fn ident(&mut self, name: &str) -> Result<Expr, String> {
        if let Some((_, slot)) = self.scope.iter().rev().find(|(variable, _)| variable == name) {
            return Ok(Expr::Variable(*slot));
        }
        match name {
            "self" => Ok(Expr::SelfValue),
            "oldSelf" => {
                self.uses_old_self = true;
                Ok(Expr::OldSelf)
            }
            _ => Err(format!("undeclared reference to '{name}'")),
        }
    }

    fn call(&mut self, call: &cel::common::ast::CallExpr) -> Result<Expr, String> {
        let name = call.func_name.as_str();
        if let Some(target) = &call.target {
            if let Ast::Ident(namespace) = &target.expr
                && NAMESPACES.contains(&namespace.as_str())
                && !self.scope.iter().any(|(variable, _)| variable == namespace)
            {
                return self.function(
                    &format!("{namespace}.{name}"),
                    functions::Style::Global,
                    None,
                    &call.args,
                );
            }
            if let ("optMap" | "optFlatMap", [variable, body]) = (name, call.args.as_slice()) {
                return self.optional_map(name, target, variable, body);
            }
            return self.function(name, functions::Style::Member, Some(target), &call.args);
        }
        match (name, call.args.as_slice()) {
            (operators::LOGICAL_NOT, [a]) => Ok(Expr::Not(self.boxed(a)?)),
            (operators::NEGATE, [a]) => Ok(Expr::Negate(self.boxed(a)?)),
            (operators::LOGICAL_AND, [a, b]) => Ok(Expr::And(self.boxed(a)?, self.boxed(b)?)),
            (operators::LOGICAL_OR, [a, b]) => Ok(Expr::Or(self.boxed(a)?, self.boxed(b)?)),
            (operators::CONDITIONAL, [condition, yes, no]) => Ok(Expr::Conditional {
                condition: self.boxed(condition)?,
                yes: self.boxed(yes)?,
                no: self.boxed(no)?,
            }),
            (operators::INDEX, [operand, index]) => Ok(Expr::Index {
                operand: self.boxed(operand)?,
                index: self.boxed(index)?,
            }),
            (operators::OPT_INDEX, [operand, index]) => Ok(Expr::OptionalIndex {
                operand: self.boxed(operand)?,
                index: self.boxed(index)?,
            }),
            (operators::OPT_SELECT, [operand, field]) => match &field.expr {
                Ast::Literal(LiteralValue::String(field)) => Ok(Expr::OptionalSelect {
                    operand: self.boxed(operand)?,
                    field: unescape(field.inner()).into(),
                }),
                _ => Err("malformed optional selection".to_owned()),
            },
            (_, [left, right]) if binary(name).is_some() => {
                let (left, right) = (self.boxed(left)?, self.boxed(right)?);
                binary(name)
                    .map(|operator| Expr::Binary {
                        operator,
                        left,
                        right,
                    })
                    .ok_or_else(|| format!("unknown operator {name}"))
            }
            _ => self.function(name, functions::Style::Global, None, &call.args),
        }
    }

    fn function(
        &mut self,
        name: &str,
        style: functions::Style,
        target: Option<&IdedExpr>,
        arguments: &[IdedExpr],
    ) -> Result<Expr, String> {
        let mut compiled = Vec::with_capacity(arguments.len() + 1);
        for expr in target.into_iter().chain(arguments) {
            compiled.push(self.expr(expr)?);
        }
        // A regular expression that is a literal is compiled with the rule.
        if name == "matches" && compiled.len() == 2 {
            match compiled.pop() {
                Some(Expr::Const(Val::Str(pattern))) => {
                    let regex = crate::schema::compile_pattern(&pattern)?;
                    let text = compiled.pop().ok_or("matches needs a text")?;
                    return Ok(Expr::Matches {
                        text: Box::new(text),
                        regex,
                    });
                }
                Some(other) => compiled.push(other),
                None => {}
            }
        }
        match functions::find(name, style, compiled.len()) {
            Some(function) => Ok(Expr::Call {
                function,
                arguments: compiled,
            }),
            None => Err(format!(
                "unknown function {name} with {} arguments",
                compiled.len()
            )),
        }
    }

    fn optional_map(
        &mut self,
        name: &str,
        operand: &IdedExpr,
        variable: &IdedExpr,
        body: &IdedExpr,
    ) -> Result<Expr, String> {
        let Ast::Ident(variable) = &variable.expr else {
            return Err(format!("{name} needs a variable name"));
        };
        let operand = self.boxed(operand)?;
        let slot = self.declare(variable);
        let body = self.boxed(body);
        self.scope.pop();
        let flat = if name == "optFlatMap" { Flat::Yes } else { Flat::No };
        Ok(Expr::OptionalMap {
            operand,
            slot,
            body: body?,
            flat,
        })
    }

    fn declare(&mut self, variable: &str) -> usize {
        let slot = self.scope.len();
        self.scope.push((variable.to_owned(), slot));
        self.slots = self.slots.max(slot + 1);
        slot
    }

    /// The parser has expanded the macros; this recognises what each expands to.
    fn comprehension(&mut self, source: &ComprehensionExpr) -> Result<Expr, String> {
        if source.iter_var2.is_some() {
            return Err("comprehensions with two variables are not supported".to_owned());
        }
        let range = self.boxed(&source.iter_range)?;
        let slot = self.declare(&source.iter_var);
        let compiled = self.comprehension_body(source, range, slot);
        self.scope.pop();
        compiled
    }

    fn comprehension_body(
        &mut self,
        source: &ComprehensionExpr,
        range: Box<Expr>,
        slot: usize,
    ) -> Result<Expr, String> {
        let is_accumulator =
            |expr: &IdedExpr| matches!(&expr.expr, Ast::Ident(name) if *name == source.accu_var);
        let unsupported = || Err("a comprehension that no macro makes".to_owned());
        let Ast::Call(step) = &source.loop_step.expr else {
            return unsupported();
        };
        match (step.func_name.as_str(), step.args.as_slice()) {
            (operators::LOGICAL_AND, [accumulator, predicate]) if is_accumulator(accumulator) => {
                let predicate = self.boxed(predicate)?;
                Ok(Expr::Quantifier {
                    kind: Quantifier::All,
                    range,
                    slot,
                    predicate,
                })
            }
            (operators::LOGICAL_OR, [accumulator, predicate]) if is_accumulator(accumulator) => {
                let predicate = self.boxed(predicate)?;
                Ok(Expr::Quantifier {
                    kind: Quantifier::Exists,
                    range,
                    slot,
                    predicate,
                })
            }
            (operators::CONDITIONAL, [predicate, then, _]) => {
                let Some(added) = added_to(then, is_accumulator) else {
                    return unsupported();
                };
                let predicate = self.boxed(predicate)?;
                match &added.expr {
                    Ast::Literal(LiteralValue::Int(_)) => Ok(Expr::Quantifier {
                        kind: Quantifier::ExistsOne,
                        range,
                        slot,
                        predicate,
                    }),
                    Ast::List(list) => match list.elements.as_slice() {
                        [element] => {
                            let element = self.boxed(element)?;
                            Ok(Expr::Transform {
                                range,
                                slot,
                                predicate: Some(predicate),
                                element,
                            })
                        }
                        _ => unsupported(),
                    },
                    _ => unsupported(),
                }
            }
            (operators::ADD, _) => match added_to(&source.loop_step, is_accumulator).map(|added| &added.expr)
            {
                Some(Ast::List(list)) => match list.elements.as_slice() {
                    [element] => {
                        let element = self.boxed(element)?;
                        Ok(Expr::Transform {
                            range,
                            slot,
                            predicate: None,
                            element,
                        })
                    }
                    _ => unsupported(),
                },
                _ => unsupported(),
            },
            _ => unsupported(),
        }
    }
}

/// The `x` of `accumulator + x`.
fn added_to(expr: &IdedExpr, is_accumulator: impl Fn(&IdedExpr) -> bool) -> Option<&IdedExpr> {
    match &expr.expr {
        Ast::Call(call) if call.func_name == operators::ADD => match call.args.as_slice() {
            [accumulator, added] if is_accumulator(accumulator) => Some(added),
            _ => None,
        },
        _ => None,
    }
}

fn binary(name: &str) -> Option<Binary> {
    Some(match name {
        operators::EQUALS => Binary::Equal,
        operators::NOT_EQUALS => Binary::NotEqual,
        operators::LESS => Binary::Less,
        operators::LESS_EQUALS => Binary::LessEqual,
        operators::GREATER => Binary::Greater,
        operators::GREATER_EQUALS => Binary::GreaterEqual,
        operators::ADD => Binary::Add,
        operators::SUBSTRACT => Binary::Subtract,
        operators::MULTIPLY => Binary::Multiply,
        operators::DIVIDE => Binary::Divide,
        operators::MODULO => Binary::Modulo,
        operators::IN => Binary::In,
        _ => return None,
    })
}

fn constant(literal: &LiteralValue) -> Val<'static> {
    match literal {
        LiteralValue::Boolean(value) => Val::Bool(*value.inner()),
        LiteralValue::Bytes(value) => Val::Bytes(value.inner().into()),
        LiteralValue::Double(value) => Val::Double(*value.inner()),
        LiteralValue::Int(value) => Val::Int(*value.inner()),
        LiteralValue::Null => Val::Null,
        LiteralValue::String(value) => Val::Str(Cow::Owned(value.inner().to_owned())),
        LiteralValue::UInt(value) => Val::Uint(*value.inner()),
    }
}

/// A list of constants is one constant.
fn fold_list(items: Vec<Expr>) -> Expr {
    if items.iter().all(|item| matches!(item, Expr::Const(_))) {
        let constants: Vec<Val<'static>> = items
            .into_iter()
            .filter_map(|item| match item {
                Expr::Const(value) => Some(value),
                _ => None,
            })
            .collect();
        return Expr::Const(Val::List(Arc::from(constants)));
    }
    Expr::List(items)
}
