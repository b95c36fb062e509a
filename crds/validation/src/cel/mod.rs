//! Validation rules (`x-kubernetes-validations`): CEL as the API server evaluates it.
//!
//! The parser is the `cel` crate's. The evaluator is our own, for two reasons. Rules are evaluated on the object's
//! JSON itself, typed by its schema, where the general interpreters first copy the object into their own values,
//! once per rule and node; and the semantics that decide a verdict are those of the API server: escaped property
//! names, absent against null, numbers typed by the schema, and the Kubernetes function libraries. A function that is
//! not known is an error when the rule is compiled, and a test compiles every rule of every bundle.

mod compile;
pub(crate) mod duration;
mod escape;
mod eval;
mod expression;
mod functions;
mod named;
mod net;
#[cfg(test)]
mod tests;
mod value;

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::diagnostic::Code;
use crate::finding::{Finding, Findings, excerpt};
use crate::path::{Path, PathBuf, Step};
use crate::schema::Schema;

use self::compile::Program;
use self::eval::EvalError;
use self::value::Val;

/// One validation rule of a schema node.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) source: String,
    message: Option<String>,
    message_expression: Option<String>,
    reason: Reason,
    field_path: Vec<Step>,
    optional_old_self: bool,
    program: OnceLock<Result<Program, String>>,
    message_program: OnceLock<Result<Program, String>>,
}

/// The `reason` of a rule: which kind of error a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Invalid,
    Required,
    Forbidden,
    Duplicate,
}

/// What a rule says about a value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It holds.
    Holds,
    /// It does not; with the message for the user.
    Fails(String),
    /// It could not be evaluated, which the API server counts as a failure.
    Error(String),
    /// It compares with the previous object, of which there is none.
    Transition,
}

impl Rule {
    /// Reads an entry of `x-kubernetes-validations`.
    pub(crate) fn parse(source: &Value) -> Result<Rule, String> {
        let Value::Object(map) = source else {
            return Err("a validation rule must be an object".to_owned());
        };
        let mut rule = Rule {
            source: String::new(),
            message: None,
            message_expression: None,
            reason: Reason::Invalid,
            field_path: Vec::new(),
            optional_old_self: false,
            program: OnceLock::new(),
            message_program: OnceLock::new(),
        };
        for (key, value) in map {
            match (key.as_str(), value) {
                ("rule", Value::String(text)) => rule.source.clone_from(text),
                ("message", Value::String(text)) => rule.message = Some(text.clone()),
                ("messageExpression", Value::String(text)) => rule.message_expression = Some(text.clone()),
                ("fieldPath", Value::String(text)) => rule.field_path = field_path(text)?,
                ("optionalOldSelf", Value::Bool(flag)) => rule.optional_old_self = *flag,
                ("reason", Value::String(text)) => {
                    rule.reason = match text.as_str() {
                        "FieldValueInvalid" => Reason::Invalid,
                        "FieldValueRequired" => Reason::Required,
                        "FieldValueForbidden" => Reason::Forbidden,
                        "FieldValueDuplicate" => Reason::Duplicate,
                        other => return Err(format!("unknown reason {other} of a validation rule")),
                    }
                }
                (other, _) => return Err(format!("unknown or malformed field {other} of a validation rule")),
            }
        }
        if rule.source.trim().is_empty() {
            return Err("a validation rule without expression".to_owned());
        }
        Ok(rule)
    }

    /// The compiled rule; compiled once.
    pub(crate) fn program(&self) -> Result<&Program, &str> {
        self.program
            .get_or_init(|| Program::compile(&self.source))
            .as_ref()
            .map_err(String::as_str)
    }

    /// The compiled message expression, if the rule has one.
    pub(crate) fn message_program(&self) -> Option<Result<&Program, &str>> {
        let source = self.message_expression.as_deref()?;
        Some(
            self.message_program
                .get_or_init(|| Program::compile(source))
                .as_ref()
                .map_err(String::as_str),
        )
    }

    /// True for rules that compare with the previous object and do not run when there is none.
    pub(crate) fn is_transition(&self) -> bool {
        !self.optional_old_self && self.program().is_ok_and(Program::uses_old_self)
    }

    /// Evaluates the rule on `value`, a value of `schema`, as on creation: without a previous object.
    pub(crate) fn evaluate(&self, value: &Value, schema: &Schema) -> Outcome {
        let program = match self.program() {
            Ok(program) => program,
            Err(error) => return Outcome::Error(format!("the rule cannot be compiled: {error}")),
        };
        if self.is_transition() {
            return Outcome::Transition;
        }
        let self_value = Val::of(value, Some(schema));
        match program.evaluate(self_value.clone(), Val::Optional(None)) {
            Ok(Val::Bool(true)) => Outcome::Holds,
            Ok(Val::Bool(false)) => Outcome::Fails(self.failure_message(self_value)),
            Ok(_) => Outcome::Error("the rule did not evaluate to a boolean".to_owned()),
            Err(EvalError(error)) => Outcome::Error(error.into_owned()),
        }
    }

    fn failure_message(&self, self_value: Val<'_>) -> String {
        let expressed = self.message_program().and_then(|program| {
            match program.ok()?.evaluate(self_value, Val::Optional(None)) {
                // The API server's conditions for using the result: one line, not blank, at most 5 KiB.
                Ok(Val::Str(text))
                    if !text.trim().is_empty() && !text.contains('\n') && text.len() <= 5 << 10 =>
                {
                    Some(text.into_owned())
                }
                _ => None,
            }
        });
        expressed.unwrap_or_else(|| self.static_message())
    }

    fn static_message(&self) -> String {
        match self.message.as_deref().map(str::trim) {
            Some(message) if !message.is_empty() => message.to_owned(),
            _ => format!("failed rule: {}", self.source.trim()),
        }
    }
}

/// Runs the rules of a node that is structurally sound.
pub(crate) fn run(rules: &[Arc<Rule>], schema: &Schema, value: &Value, path: &Path<'_>, out: &mut Findings) {
    for rule in rules {
        let (code, detail) = match rule.evaluate(value, schema) {
            Outcome::Holds | Outcome::Transition => continue,
            Outcome::Fails(message) => (Code::RuleFailed, message),
            Outcome::Error(error) => (
                Code::RuleError,
                format!("{error} evaluating rule: {}", rule.static_message()),
            ),
        };
        let found = excerpt(value);
        let message = match rule.reason {
            Reason::Invalid => format!("Invalid value: {found}: {detail}"),
            Reason::Required => format!("Required value: {detail}"),
            Reason::Forbidden => format!("Forbidden: {detail}"),
            Reason::Duplicate => format!("Duplicate value: {found}: {detail}"),
        };
        let mut finding = Finding::error(code, path, message);
        finding.found = Some(found);
        finding.accepted = Some(rule.static_message());
        finding.path = below(finding.path, &rule.field_path);
        out.push(finding);
    }
}

fn below(mut path: PathBuf, steps: &[Step]) -> PathBuf {
    path.0.extend(steps.iter().cloned());
    path
}

/// `fieldPath` of a rule: `.a.b`, `['odd key']`.
fn field_path(text: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(tail) = rest.strip_prefix("['") {
            let Some((key, tail)) = tail.split_once("']") else {
                return Err(format!("malformed fieldPath {text}"));
            };
            steps.push(Step::Key(key.into()));
            rest = tail;
        } else if let Some(tail) = rest.strip_prefix('.') {
            let end = tail.find(['.', '[']).unwrap_or(tail.len());
            let (name, tail) = tail.split_at(end);
            steps.push(Step::Field(name.into()));
            rest = tail;
        } else {
            return Err(format!("malformed fieldPath {text}"));
        }
    }
    Ok(steps)
}
