//! Matches of HTTPRoutes and GRPCRoutes.

use super::pattern;
use super::rules::RuleFault;
use gatewright_crds::api::{
    GrpcMethodMatch, GrpcRouteMatch, HttpPathMatch, HttpPathMatchType, HttpRouteMatch, NameValueMatch,
    NameValueMatchType,
};
use gatewright_model::Str;
use gatewright_model::route::{HeaderMatch, HttpMatch, PathMatch, QueryMatch, ValueMatch};

/// The match that an omitted list stands for: every request (`HTTPRouteRule.matches`,
/// `GRPCRouteRule.matches`).
pub(super) fn everything() -> HttpMatch {
    HttpMatch {
        path: PathMatch::Prefix("/".into()),
        method: None,
        headers: Vec::new(),
        query: Vec::new(),
    }
}

pub(super) fn http(found: &HttpRouteMatch, field: &str) -> Result<HttpMatch, RuleFault> {
    let HttpRouteMatch {
        headers,
        method,
        path,
        query_params,
    } = found;
    let header_matches = headers.as_deref().unwrap_or_default();
    let query_matches = query_params.as_deref().unwrap_or_default();
    Ok(HttpMatch {
        path: path.as_ref().map_or_else(
            || Ok(everything().path),
            |path| http_path(path, &format!("{field}.path")),
        )?,
        method: method.map(|method| method.as_str().into()),
        headers: headers_of(header_matches, &format!("{field}.headers"))?,
        query: named(query_matches, &format!("{field}.queryParams"), |name| name.into())?
            .into_iter()
            .map(|(name, value)| QueryMatch { name, value })
            .collect(),
    })
}

pub(super) fn grpc(found: &GrpcRouteMatch, field: &str) -> Result<HttpMatch, RuleFault> {
    let GrpcRouteMatch { headers, method } = found;
    let path = method.as_ref().map_or_else(
        || Ok(everything().path),
        |method| grpc_path(method, &format!("{field}.method")),
    );
    Ok(HttpMatch {
        path: path?,
        method: None,
        headers: headers_of(
            headers.as_deref().unwrap_or_default(),
            &format!("{field}.headers"),
        )?,
        query: Vec::new(),
    })
}

/// `HTTPPathMatch`: the prefix `/` by default. A trailing slash of a prefix is ignored.
fn http_path(path: &HttpPathMatch, field: &str) -> Result<PathMatch, RuleFault> {
    let HttpPathMatch { r#type, value } = path;
    let value = value.as_deref().unwrap_or("/");
    match r#type.unwrap_or(HttpPathMatchType::PathPrefix) {
        HttpPathMatchType::Exact => {
            check_path(value, field)?;
            Ok(PathMatch::Exact(value.into()))
        }
        HttpPathMatchType::PathPrefix => {
            check_path(value, field)?;
            let trimmed = value
                .strip_suffix('/')
                .filter(|rest| !rest.is_empty())
                .unwrap_or(value);
            Ok(PathMatch::Prefix(trimmed.into()))
        }
        HttpPathMatchType::RegularExpression => {
            pattern::check(value).map_err(|why| RuleFault::value(format!("{field}.value"), why))?;
            Ok(PathMatch::Regex(value.into()))
        }
    }
}

/// What the CRD's rules demand of Exact and PathPrefix values, for objects that never met them.
fn check_path(value: &str, field: &str) -> Result<(), RuleFault> {
    let why = if !value.starts_with('/') {
        "must start with \"/\""
    } else if value.contains("//") {
        "must not contain \"//\""
    } else if value.contains(['#', '?']) {
        "must not contain \"?\" or \"#\", which end a path"
    } else {
        return Ok(());
    };
    Err(RuleFault::value(
        format!("{field}.value"),
        format!("\"{}\" {why}", shorten(value)),
    ))
}

/// `GRPCMethodMatch`: `/{service}/{method}` of an HTTP/2 request; an empty part matches any.
fn grpc_path(method: &GrpcMethodMatch, field: &str) -> Result<PathMatch, RuleFault> {
    let GrpcMethodMatch {
        method,
        service,
        r#type,
    } = method;
    let service = service.as_deref().filter(|text| !text.is_empty());
    let method = method.as_deref().filter(|text| !text.is_empty());
    match r#type.unwrap_or(NameValueMatchType::Exact) {
        NameValueMatchType::Exact => {
            for (name, part) in [("service", service), ("method", method)] {
                if let Some(part) = part.filter(|part| part.contains('/')) {
                    let why = format!("\"{}\" must not contain \"/\"", shorten(part));
                    return Err(RuleFault::value(format!("{field}.{name}"), why));
                }
            }
            Ok(match (service, method) {
                (Some(service), Some(method)) => PathMatch::Exact(format!("/{service}/{method}").into()),
                (Some(service), None) => PathMatch::Prefix(format!("/{service}").into()),
                (None, Some(method)) => PathMatch::GrpcMethod(method.into()),
                (None, None) => everything().path,
            })
        }
        NameValueMatchType::RegularExpression => {
            for (name, part) in [("service", service), ("method", method)] {
                if let Some(part) = part {
                    pattern::check(part).map_err(|why| RuleFault::value(format!("{field}.{name}"), why))?;
                }
            }
            if service.is_none() && method.is_none() {
                return Ok(everything().path);
            }
            let expression = pattern::grpc_path(service, method);
            pattern::check(&expression).map_err(|why| RuleFault::value(field, why))?;
            Ok(PathMatch::Regex(expression.into()))
        }
    }
}

fn headers_of(list: &[NameValueMatch], field: &str) -> Result<Vec<HeaderMatch>, RuleFault> {
    let found = named(list, field, |name| name.to_ascii_lowercase().into())?;
    Ok(found
        .into_iter()
        .map(|(name, value)| HeaderMatch { name, value })
        .collect())
}

/// Conditions on named values. "If multiple entries specify equivalent names, only the first entry
/// with an equivalent name MUST be considered" (`HTTPHeaderMatch.name`, `HTTPQueryParamMatch.name`).
fn named(
    list: &[NameValueMatch],
    field: &str,
    normalise: impl Fn(&str) -> Str,
) -> Result<Vec<(Str, ValueMatch)>, RuleFault> {
    let mut found: Vec<(Str, ValueMatch)> = Vec::with_capacity(list.len());
    for (index, NameValueMatch { name, r#type, value }) in list.iter().enumerate() {
        let name = normalise(name);
        if found.iter().any(|(known, _)| *known == name) {
            continue;
        }
        let condition = match r#type.unwrap_or(NameValueMatchType::Exact) {
            NameValueMatchType::Exact => ValueMatch::Exact(value.as_str().into()),
            NameValueMatchType::RegularExpression => {
                pattern::check(value)
                    .map_err(|why| RuleFault::value(format!("{field}[{index}].value"), why))?;
                ValueMatch::Regex(value.as_str().into())
            }
        };
        found.push((name, condition));
    }
    Ok(found)
}

fn shorten(text: &str) -> String {
    text.chars().take(128).collect()
}
