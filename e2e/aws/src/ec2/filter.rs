//! Filters of `Describe` calls, which look at the described resources themselves.
//!
//! [Filtering](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html): values of a filter are
//! alternatives, all filters must hold, names and values are case-sensitive, `*` stands for any text, `?` for
//! zero or one character, `\` takes the meaning from the next character.

use super::describe::Kind;
use crate::error::ApiError;
use crate::input::{list, text, texts};
use serde_json::Value;

/// At most so many filters in a request.
const MOST_FILTERS: usize = 50;
/// At most so many values in all of a request's filters.
const MOST_VALUES: usize = 200;

/// True when a resource passes all filters of the input.
pub fn passes(kind: &Kind, row: &Value, input: &Value) -> Result<bool, ApiError> {
    for filter in list(input, "Filters") {
        let name = text(filter, "Name").unwrap_or_default();
        let wanted = texts(filter, "Values");
        let found = actual(kind, row, name)?;
        if !wanted
            .iter()
            .any(|pattern| found.iter().any(|value| glob(pattern, value)))
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Refuses filters that EC2 does not know or that are too many, even when there is nothing to filter.
pub fn check(kind: &Kind, input: &Value) -> Result<(), ApiError> {
    let filters = list(input, "Filters");
    let values: usize = filters.iter().map(|filter| list(filter, "Values").len()).sum();
    if filters.len() > MOST_FILTERS || values > MOST_VALUES {
        return Err(ApiError::new(
            "FilterLimitExceeded",
            format!("The maximum length for a filter value list is {MOST_VALUES}"),
        ));
    }
    for filter in filters {
        actual(kind, &Value::Null, text(filter, "Name").unwrap_or_default())?;
    }
    Ok(())
}

/// The values of a resource that a filter looks at.
fn actual(kind: &Kind, row: &Value, name: &str) -> Result<Vec<String>, ApiError> {
    if let Some(tags) = kind.tags {
        let tags = list(row, tags);
        if let Some(key) = name.strip_prefix("tag:") {
            return Ok(tags
                .iter()
                .filter(|tag| text(tag, "Key") == Some(key))
                .filter_map(|tag| text(tag, "Value").map(str::to_owned))
                .collect());
        }
        if name == "tag-key" {
            return Ok(tags
                .iter()
                .filter_map(|tag| text(tag, "Key").map(str::to_owned))
                .collect());
        }
    }
    let Some((_, path)) = kind.filters.iter().find(|(known, _)| *known == name) else {
        return Err(ApiError::new(
            "InvalidParameterValue",
            format!("The filter '{name}' is invalid"),
        ));
    };
    let mut found = Vec::new();
    collect(row, path, &mut found);
    Ok(found)
}

/// Collects the plain values under a path of member names, through lists.
fn collect(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(elements) => {
            for element in elements {
                collect(element, path, found);
            }
        }
        Value::Object(members) => {
            let (first, rest) = path.split_once('.').unwrap_or((path, ""));
            if let Some(member) = members.get(first) {
                collect(member, rest, found);
            }
        }
        Value::String(text) if path.is_empty() => found.push(text.clone()),
        Value::Bool(flag) if path.is_empty() => found.push(flag.to_string()),
        Value::Number(number) if path.is_empty() => found.push(number.to_string()),
        _ => {}
    }
}

/// True when a value matches a pattern.
pub fn glob(pattern: &str, value: &str) -> bool {
    // The set of positions in the pattern that the text read so far can have reached.
    let symbols = symbols(pattern);
    let mut reached = vec![false; symbols.len() + 1];
    mark(&symbols, &mut reached, 0);
    for character in value.chars() {
        let mut next = vec![false; symbols.len() + 1];
        for (position, symbol) in symbols.iter().enumerate() {
            if !reached.get(position).copied().unwrap_or(false) {
                continue;
            }
            match symbol {
                Symbol::Any => mark(&symbols, &mut next, position),
                Symbol::AtMostOne => mark(&symbols, &mut next, position + 1),
                Symbol::Exact(wanted) if *wanted == character => mark(&symbols, &mut next, position + 1),
                Symbol::Exact(_) => {}
            }
        }
        reached = next;
    }
    reached.last().copied().unwrap_or(false)
}

enum Symbol {
    Any,
    AtMostOne,
    Exact(char),
}

fn symbols(pattern: &str) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        symbols.push(match character {
            '*' => Symbol::Any,
            '?' => Symbol::AtMostOne,
            '\\' => Symbol::Exact(characters.next().unwrap_or('\\')),
            other => Symbol::Exact(other),
        });
    }
    symbols
}

/// Marks a position, and those behind it that need no character.
fn mark(symbols: &[Symbol], reached: &mut [bool], from: usize) {
    let mut position = from;
    loop {
        if let Some(place) = reached.get_mut(position) {
            *place = true;
        }
        match symbols.get(position) {
            Some(Symbol::Any | Symbol::AtMostOne) => position += 1,
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn wildcards_are_those_of_ec2() {
        for (pattern, value, expected) in [
            ("abc", "abc", true),
            ("abc", "ABC", false),
            ("a*", "a", true),
            ("*web*", "prod-web-1", true),
            ("a?c", "abc", true),
            ("a?c", "ac", true),
            ("a?c", "abbc", false),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("", "", true),
            ("", "x", false),
            ("ELB app/*", "ELB app/x/1", true),
        ] {
            assert_eq!(glob(pattern, value), expected, "{pattern} {value}");
        }
    }
}
