//! The `rest-json` protocol: operations by method and path, members in path, query and body
//! (<https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html>).

use super::json;
use super::model::{Kind, Model, Operation, Reference};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

/// An operation that a request is for, and what its path says.
#[derive(Debug)]
pub struct Route {
    /// The operation's name.
    pub name: String,
    labels: Vec<(String, String)>,
}

/// The operation of a method and path, if there is one.
pub fn route(model: &Model, method: &str, path: &str) -> Option<Route> {
    model.operations.iter().find_map(|(name, operation)| {
        let http = operation.http.as_ref()?;
        let labels = (http.method == method).then(|| labels(&http.request_uri, path))??;
        Some(Route {
            name: name.clone(),
            labels,
        })
    })
}

fn labels(template: &str, path: &str) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut parts = path.trim_start_matches('/').split('/');
    for wanted in template.trim_start_matches('/').split('/') {
        let part = parts.next()?;
        match wanted.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(label) => {
                let text = percent_decode_str(part).decode_utf8().ok()?;
                if text.is_empty() {
                    return None;
                }
                found.push((label.to_owned(), text.into_owned()));
            }
            None if wanted == part => {}
            None => return None,
        }
    }
    parts.next().is_none().then_some(found)
}

/// Input of an operation in the model's member names, its types checked.
///
/// # Errors
///
/// A sentence on the first thing that is unknown or not of its type.
pub fn parse(
    model: &Model,
    operation: &Operation,
    route: &Route,
    query: &str,
    body: &[u8],
) -> Result<Value, String> {
    let Some(reference) = &operation.input else {
        return Ok(Value::Object(Map::new()));
    };
    let shape = model
        .shape(&reference.shape)
        .ok_or_else(|| format!("shape {} is missing", reference.shape))?;
    let mut given = if body.iter().all(u8::is_ascii_whitespace) {
        Map::new()
    } else {
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => members,
            Ok(_) => return Err("the body is no structure".to_owned()),
            Err(error) => return Err(format!("the body is no JSON: {error}")),
        }
    };
    let outside: Vec<&str> = shape
        .members
        .iter()
        .filter(|(_, member)| member.location.is_some())
        .map(|(name, member)| member.location_name.as_deref().unwrap_or(name))
        .collect();
    if let Some(name) = given.keys().find(|name| outside.contains(&name.as_str())) {
        return Err(format!("{name} belongs into path or query"));
    }
    for (label, text) in &route.labels {
        given.insert(label.clone(), Value::from(text.as_str()));
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = |text: &str| -> Result<String, String> {
            let text = text.replace('+', " ");
            let text = percent_decode_str(&text).decode_utf8();
            text.map(std::borrow::Cow::into_owned)
                .map_err(|_| "the query is not UTF-8".to_owned())
        };
        let (name, text) = (decoded(name)?, decoded(text)?);
        let member = shape.members.iter().find(|(own, member)| {
            member.location.as_deref() == Some("querystring")
                && member.location_name.as_deref().unwrap_or(own) == name
        });
        let Some((_, member)) = member else {
            return Err(format!("{name} is not a known parameter"));
        };
        let value = of_text(model, member, &text).ok_or_else(|| format!("{name} is not of its type"))?;
        match (given.get_mut(&name), value) {
            (Some(Value::Array(all)), Value::Array(more)) => all.extend(more),
            (_, value) => {
                given.insert(name, value);
            }
        }
    }
    json::typed(model, reference, &Value::Object(given))
}

fn of_text(model: &Model, reference: &Reference, text: &str) -> Option<Value> {
    let shape = model.shape(&reference.shape)?;
    match shape.kind {
        Kind::Integer | Kind::Long => text.parse::<i64>().ok().map(Value::from),
        Kind::Boolean => text.parse::<bool>().ok().map(Value::from),
        Kind::List => {
            let item = of_text(model, shape.member.as_ref()?, text)?;
            Some(Value::Array(vec![item]))
        }
        _ => Some(Value::from(text)),
    }
}

/// An answer that was checked, as JSON; nothing where its status says so.
pub fn write(model: &Model, operation: &Operation, value: &Value) -> (u16, Vec<u8>) {
    let status = operation
        .http
        .as_ref()
        .and_then(|http| http.response_code)
        .unwrap_or(200);
    if status == 204 {
        return (status, Vec::new());
    }
    let wire = operation.output.as_ref().map_or_else(
        || Value::Object(Map::new()),
        |reference| json::wire(model, reference, value),
    );
    (status, wire.to_string().into_bytes())
}

/// An error as JSON; its code is in a header.
pub fn error(message: &str) -> Vec<u8> {
    let mut members = Map::new();
    members.insert("message".to_owned(), Value::from(message));
    Value::Object(members).to_string().into_bytes()
}
