//! Printing what is wrong with the input.

use super::style;
use crate::cli::exit::Exit;
use crate::input::world::Problem;
use gatewright_validation::Severity;
use serde_json::{Value, json};
use std::io::{self, Write};

impl Problem {
    /// Whether it is an error or a warning.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Manifest(diagnostic) => diagnostic.severity,
            Self::More { errors: 0, .. } | Self::Dangling { .. } => Severity::Warning,
            Self::Unreadable(_) | Self::More { .. } | Self::Duplicate { .. } => Severity::Error,
        }
    }

    /// For machines.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Manifest(diagnostic) => serde_json::to_value(diagnostic).unwrap_or(Value::Null),
            Self::Unreadable(message) => {
                json!({"severity": "error", "code": "unreadable", "message": message})
            }
            Self::More { errors, warnings } => json!({
                "severity": self.severity(),
                "code": "too-many-diagnostics",
                "message": format!("and {errors} more errors and {warnings} more warnings"),
                "errors": errors,
                "warnings": warnings,
            }),
            Self::Dangling {
                object,
                place,
                field,
                why,
            } => json!({
                "severity": "warning",
                "code": "dangling-reference",
                "object": object.to_string(),
                "place": place,
                "field": field,
                "message": why,
            }),
            Self::Duplicate {
                object,
                kept,
                ignored,
            } => json!({
                "severity": "error",
                "code": "duplicate-object",
                "object": object.to_string(),
                "message": format!("{object} is defined twice; the one at {kept} counts"),
                "kept": kept,
                "ignored": ignored,
            }),
        }
    }
}

impl std::fmt::Display for Problem {
    /// One line that starts with `error: ` or `warning: `.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Manifest(diagnostic) => write!(f, "{diagnostic}"),
            Self::Unreadable(message) => write!(f, "error: {message} [unreadable]"),
            Self::More { errors, warnings } => {
                let word = match self.severity() {
                    Severity::Error => "error",
                    Severity::Warning => "warning",
                };
                write!(
                    f,
                    "{word}: and {errors} more errors and {warnings} more warnings [too-many-diagnostics]"
                )
            }
            Self::Dangling {
                object,
                place,
                field,
                why,
            } => write!(
                f,
                "warning: {place}: {object}: {field}: {why} [dangling-reference]"
            ),
            Self::Duplicate {
                object,
                kept,
                ignored,
            } => {
                write!(
                    f,
                    "error: {ignored}: {object} is defined twice; the one at {kept} counts [duplicate-object]"
                )
            }
        }
    }
}

/// Errors and warnings.
pub fn count(problems: &[Problem]) -> (usize, usize) {
    let errors = problems
        .iter()
        .filter(|problem| problem.severity() == Severity::Error)
        .count();
    (errors, problems.len() - errors)
}

/// The exit code of a command that looked at the input: what cannot be read goes before what is wrong.
pub fn exit(problems: &[Problem]) -> Exit {
    if problems
        .iter()
        .any(|problem| matches!(problem, Problem::Unreadable(_)))
    {
        Exit::Io
    } else if count(problems).0 > 0 {
        Exit::InvalidInput
    } else {
        Exit::Success
    }
}

/// One line each, the severity in colour.
pub fn print(problems: &[Problem], out: &mut dyn Write) -> io::Result<()> {
    for problem in problems {
        let style = match problem.severity() {
            Severity::Error => style::ERROR,
            Severity::Warning => style::WARNING,
        };
        let line = problem.to_string();
        match line.split_once(": ") {
            Some((word, rest)) => writeln!(out, "{style}{word}{style:#}: {rest}")?,
            None => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}
