//! A finding about one object, before its place in the file is looked up.

use serde_json::Value;

use crate::diagnostic::{Code, Severity};
use crate::path::{Path, PathBuf};

/// The longest excerpt of a value that a message shows, in characters.
const EXCERPT: usize = 96;

/// The findings about one object. Bounded: an object with more than [`Findings::MAX`] is refused for that.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<Finding>,
    dropped: usize,
}

impl Findings {
    /// So many findings about one object are kept.
    const MAX: usize = 1_000;

    /// True when further findings only count.
    pub(crate) fn is_full(&self) -> bool {
        self.list.len() >= Self::MAX
    }

    /// Takes a finding, or its mere existence.
    pub(crate) fn push(&mut self, finding: Finding) {
        if self.is_full() {
            self.dropped += 1;
        } else {
            self.list.push(finding);
        }
    }

    /// Counts a finding that is not worth making when [`Findings::is_full`].
    pub(crate) fn drop_one(&mut self) {
        self.dropped += 1;
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len() + self.dropped
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// True when a finding from the `from`th on satisfies `test`, or was not kept.
    pub(crate) fn any_since(&self, from: usize, test: impl Fn(&Finding) -> bool) -> bool {
        self.dropped > 0 || self.list.iter().skip(from).any(test)
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.list.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Finding> {
        self.list.iter_mut()
    }

    /// True when nothing found is an error.
    pub(crate) fn is_sound(&self) -> bool {
        self.dropped == 0
            && self
                .list
                .iter()
                .all(|finding| finding.severity != Severity::Error)
    }

    /// The findings, and what was not kept as one more.
    pub(crate) fn into_list(mut self) -> Vec<Finding> {
        if self.dropped > 0 {
            let text = format!("{} more findings in this object are not shown", self.dropped);
            self.list
                .push(Finding::error(Code::TooManyDiagnostics, &Path::Root, text));
        }
        self.list
    }
}

impl From<Finding> for Findings {
    fn from(finding: Finding) -> Self {
        Self {
            list: vec![finding],
            dropped: 0,
        }
    }
}

/// What a walk over one object reports.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    pub(crate) code: Code,
    pub(crate) path: PathBuf,
    pub(crate) found: Option<String>,
    pub(crate) accepted: Option<String>,
    pub(crate) message: String,
}

impl Finding {
    /// An error about the field at `path`.
    pub(crate) fn error(code: Code, path: &Path<'_>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            path: path.owned(),
            found: None,
            accepted: None,
            message: message.into(),
        }
    }

    /// A warning about the field at `path`.
    pub(crate) fn warning(code: Code, path: &Path<'_>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, path, message)
        }
    }

    /// `Invalid value: <value>: <detail>`, as `field.Invalid` of the API server words it.
    pub(crate) fn invalid(code: Code, path: &Path<'_>, value: &Value, detail: &str) -> Self {
        let found = excerpt(value);
        Self {
            message: format!("Invalid value: {found}: {detail}"),
            found: Some(found),
            ..Self::error(code, path, String::new())
        }
    }

    /// `Required value[: detail]`.
    pub(crate) fn required(path: &Path<'_>, detail: &str) -> Self {
        let message = if detail.is_empty() {
            "Required value".to_owned()
        } else {
            format!("Required value: {detail}")
        };
        Self::error(Code::Required, path, message)
    }

    /// Adds what would be accepted.
    pub(crate) fn accepting(mut self, accepted: impl Into<String>) -> Self {
        self.accepted = Some(accepted.into());
        self
    }

    /// Removes every trace of the value found: for objects that hold secrets.
    pub(crate) fn redact(&mut self) {
        if let Some(found) = self.found.take()
            && !found.is_empty()
        {
            self.message = self.message.replace(&found, "(hidden)");
        }
    }
}

/// The value as JSON, cut to a length that fits a line.
pub(crate) fn excerpt(value: &Value) -> String {
    match value {
        Value::Object(map) => format!("object with {} fields", map.len()),
        Value::Array(items) => format!("list of {} items", items.len()),
        Value::String(text) => {
            let mut cut: String = text.chars().take(EXCERPT).collect();
            if cut.len() < text.len() {
                cut.push('…');
            }
            Value::String(cut).to_string()
        }
        other => other.to_string(),
    }
}

/// The type of a value in the words of the API server.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The candidate nearest to `word`, if near enough to be a likely misspelling.
pub(crate) fn did_you_mean<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > 64 {
        return None;
    }
    let limit = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .filter(|candidate| candidate.len() <= 64)
        .map(|candidate| {
            (
                distance(&word.to_lowercase(), &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// `; did you mean "x"?`, or nothing.
pub(crate) fn suggestion<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    did_you_mean(word, candidates)
        .map(|near| format!("; did you mean {}?", Value::from(near)))
        .unwrap_or_default()
}

/// Edit distance with adjacent transpositions (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], k: usize| row.get(k).copied().unwrap_or(usize::MAX / 2);
            let substitute = at(&previous, j) + usize::from(x != y);
            let mut best = substitute.min(at(&previous, j + 1) + 1).min(at(&row, j) + 1);
            if i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x) {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut previous, row);
    }
    previous.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits_and_swaps() {
        assert_eq!(distance("hostname", "hostname"), 0);
        assert_eq!(distance("hostnmae", "hostname"), 1);
        assert_eq!(distance("hostname", "hostnames"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn suggests_only_what_is_near() {
        let fields = ["hostnames", "parentRefs", "rules"];
        assert_eq!(did_you_mean("hostname", fields.into_iter()), Some("hostnames"));
        assert_eq!(did_you_mean("parentrefs", fields.into_iter()), Some("parentRefs"));
        assert_eq!(did_you_mean("timeouts", fields.into_iter()), None);
    }

    #[test]
    fn excerpts_are_short_and_quoted() {
        let long = Value::String("x".repeat(1000));
        assert!(excerpt(&long).chars().count() < 110);
        assert_eq!(excerpt(&serde_json::json!("a\"b")), r#""a\"b""#);
        assert_eq!(excerpt(&serde_json::json!({"a": 1})), "object with 1 fields");
    }
}
