//! Lists in pages: `Marker`, `PageSize` and `NextMarker` of the describing operations (`API_DescribeLoadBalancers`: "The marker
//! for the next set of results. (You received this marker from a previous call.)"). What another marker answers is not
//! documented: `ValidationError`.

use crate::error::ApiError;
use crate::input::{number, text};
use crate::service::Context;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// A page of a list under a name. How many items AWS gives without a `PageSize` is not documented: a setting
/// decides, small enough that a client without paging is found out.
///
/// # Errors
///
/// When the marker is none of ours.
pub(super) fn answer(
    name: &str,
    items: Vec<Value>,
    context: &Context,
    input: &Value,
) -> Result<Value, ApiError> {
    let from = text(input, "Marker").map_or(Ok(0), position)?;
    let asked = number(input, "PageSize").and_then(|size| usize::try_from(size).ok());
    let size = asked.unwrap_or(context.settings.default_page_size).max(1);
    let total = items.len();
    let page: Vec<Value> = items.into_iter().skip(from).take(size).collect();
    let end = from.saturating_add(page.len());
    let mut members = Map::new();
    members.insert(name.to_owned(), Value::Array(page));
    if end < total {
        members.insert(
            "NextMarker".to_owned(),
            Value::from(URL_SAFE_NO_PAD.encode(format!("{name}:{end}"))),
        );
    }
    Ok(Value::Object(members))
}

fn position(marker: &str) -> Result<usize, ApiError> {
    let decoded = URL_SAFE_NO_PAD
        .decode(marker)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let position = decoded.and_then(|text| text.split_once(':').and_then(|(_, end)| end.parse().ok()));
    position.ok_or_else(|| ApiError::validation("Invalid marker"))
}
