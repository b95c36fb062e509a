//! What all `Describe` calls have in common: identifiers, filters, pages.
//!
//! Pages: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html#api-pagination>; sizes of 5 to 1000, and "You
//! cannot specify this parameter and the instance IDs parameter in the same call":
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>. Codes:
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>.

use super::filter;
use super::identifier::well_formed;
use crate::error::ApiError;
use crate::input::{number, text, texts};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// How a kind of resource is described.
pub struct Kind {
    /// The member of the answer that holds the resources.
    pub list: &'static str,
    /// The member of a resource by which it is told apart and ordered.
    pub id: &'static str,
    /// How resources are asked for by identifier, where they can be.
    pub by_id: Option<ById>,
    /// The largest page.
    pub most: i64,
    /// The member of a resource that holds its tags.
    pub tags: Option<&'static str>,
    /// Filters and the paths of members that they look at.
    pub filters: &'static [(&'static str, &'static str)],
}

/// How resources of a kind are asked for by identifier.
pub struct ById {
    /// The member of the input.
    pub member: &'static str,
    /// How identifiers begin.
    pub prefix: &'static str,
    /// The code for an identifier of a wrong form.
    pub malformed: &'static str,
    /// The code for one that does not exist.
    pub missing: &'static str,
    /// What to call it in a message.
    pub what: &'static str,
}

impl ById {
    /// The error for an identifier that was not found.
    pub fn not_found(&self, id: &str) -> ApiError {
        if well_formed(id, self.prefix) {
            ApiError::new(self.missing, format!("The {} '{id}' does not exist", self.what))
        } else {
            ApiError::new(
                self.malformed,
                format!("Invalid id: \"{id}\" (expecting \"{}...\")", self.prefix),
            )
        }
    }
}

/// Answers a `Describe` call from all resources of the kind. `InvalidParameterCombination`, and the codes of each kind
/// for what is malformed or not found, are in the list of all codes.
pub fn describe(kind: &Kind, rows: Vec<Value>, input: &Value) -> Result<Value, ApiError> {
    filter::check(kind, input)?;
    let wanted = kind
        .by_id
        .as_ref()
        .map_or_else(Vec::new, |by| texts(input, by.member));
    if !wanted.is_empty() && number(input, "MaxResults").is_some() {
        return Err(ApiError::new(
            "InvalidParameterCombination",
            format!(
                "The parameter {} cannot be used with the parameter maxResults",
                kind.by_id.as_ref().map_or("ids", |by| by.member)
            ),
        ));
    }
    if let Some(by) = &kind.by_id {
        for id in &wanted {
            if !rows.iter().any(|row| text(row, kind.id) == Some(*id)) {
                return Err(by.not_found(id));
            }
        }
    }
    let mut chosen = Vec::new();
    for row in rows {
        let asked = wanted.is_empty() || text(&row, kind.id).is_some_and(|id| wanted.contains(&id));
        if asked && filter::passes(kind, &row, input)? {
            chosen.push(row);
        }
    }
    chosen.sort_by(|a, b| text(a, kind.id).cmp(&text(b, kind.id)));
    page(kind, chosen, input)
}

/// One page: those behind the one that the token names. A token stays good when resources come and go.
///
/// What a size out of range, and a token that nobody gave, answer is not documented: `InvalidParameterValue` is in the
/// list of all codes, `InvalidNextToken` is assumed.
pub fn page(kind: &Kind, rows: Vec<Value>, input: &Value) -> Result<Value, ApiError> {
    let size = match number(input, "MaxResults") {
        None => usize::MAX,
        Some(size) if (5..=kind.most).contains(&size) => usize::try_from(size).unwrap_or(usize::MAX),
        Some(size) => {
            return Err(ApiError::new(
                "InvalidParameterValue",
                format!(
                    "Value ( {size} ) for parameter maxResults is invalid. Expecting a value between 5 and {}.",
                    kind.most
                ),
            ));
        }
    };
    let after = match text(input, "NextToken").filter(|token| !token.is_empty()) {
        None => None,
        Some(token) => Some(
            STANDARD
                .decode(token)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .and_then(|text| text.strip_prefix("after ").map(str::to_owned))
                .ok_or_else(|| ApiError::new("InvalidNextToken", "The specified NextToken is not valid."))?,
        ),
    };
    let mut rows: Vec<Value> = rows
        .into_iter()
        .filter(|row| match &after {
            None => true,
            Some(after) => text(row, kind.id).is_some_and(|id| id > after.as_str()),
        })
        .collect();
    let more = rows.len() > size;
    rows.truncate(size);
    let mut answer = Map::new();
    if more && let Some(last) = rows.last().and_then(|row| text(row, kind.id)) {
        answer.insert(
            "NextToken".to_owned(),
            Value::from(STANDARD.encode(format!("after {last}"))),
        );
    }
    answer.insert(kind.list.to_owned(), Value::Array(rows));
    Ok(Value::Object(answer))
}
