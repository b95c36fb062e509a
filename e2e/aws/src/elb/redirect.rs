//! Redirect and fixed-response actions:
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RedirectActionConfig.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_FixedResponseActionConfig.html>.
//!
//! `InvalidLoadBalancerAction`, "The requested action is not valid.", is among the errors of `API_CreateRule`,
//! `API_ModifyRule`, `API_CreateListener` and `API_ModifyListener`. Which rule answers that and which `ValidationError`
//! is not documented: a value of a wrong form is taken for the latter.

use super::wire::{FixedResponse, Redirect};
use crate::error::ApiError;

/// `API_FixedResponseActionConfig`.
const CONTENT_TYPES: &[&str] = &[
    "text/plain",
    "text/css",
    "text/html",
    "application/javascript",
    "application/json",
];

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidLoadBalancerAction", message)
}

/// A redirect with its defaults, checked against the listener it is on.
///
/// `API_RedirectActionConfig`: "You must modify at least one of the following components to avoid a redirect loop:
/// protocol, hostname, port, or path." "You can't redirect HTTPS to HTTP."
///
/// A component that names what the listener has anyway modifies nothing. A path alone that holds `#{path}` is taken
/// for a loop as well: so AWS answers the users of its load balancer controller, although the page has
/// `/new/#{path}` as an example.
///
/// # Errors
///
/// `InvalidLoadBalancerAction`, `ValidationError`.
pub(super) fn redirect(asked: &Redirect, protocol: &str, port: u16) -> Result<Redirect, ApiError> {
    let or =
        |value: &Option<String>, default: &str| Some(value.clone().unwrap_or_else(|| default.to_owned()));
    let full = Redirect {
        protocol: or(&asked.protocol, "#{protocol}"),
        port: or(&asked.port, "#{port}"),
        host: or(&asked.host, "#{host}"),
        path: or(&asked.path, "/#{path}"),
        query: or(&asked.query, "#{query}"),
        status_code: asked.status_code.clone(),
    };
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let (to_protocol, to_port, host, path) = (
        text(&full.protocol),
        text(&full.port),
        text(&full.host),
        text(&full.path),
    );
    // "You can specify a value from 1 to 65535 or #{port}."
    if to_port != "#{port}" && !to_port.parse::<u16>().is_ok_and(|number| number > 0) {
        return Err(ApiError::validation(format!(
            "The redirect port '{to_port}' must be from 1 to 65535 or #{{port}}"
        )));
    }
    // "The absolute path, starting with the leading "/"."
    if !path.starts_with('/') {
        return Err(ApiError::validation(format!(
            "The redirect path '{path}' must begin with '/'"
        )));
    }
    // "The hostname can contain #{host}." "The path can contain #{host}, #{path}, and #{port}." Of the query: "You can
    // specify any of the reserved keywords."
    let parts: [(&str, &str, &[&str]); 3] = [
        ("host", &host, &["host"]),
        ("path", &path, &["host", "path", "port"]),
        (
            "query",
            full.query.as_deref().unwrap_or_default(),
            &["protocol", "host", "port", "path", "query"],
        ),
    ];
    for (part, value, allowed) in parts {
        keywords(part, value, allowed)?;
    }
    if protocol == "HTTPS" && to_protocol == "HTTP" {
        return Err(invalid("You can't redirect HTTPS to HTTP"));
    }
    let same_port = to_port == "#{port}" || to_port == port.to_string();
    let same_protocol = to_protocol == "#{protocol}" || to_protocol == protocol;
    if same_port && same_protocol && host == "#{host}" && path.contains("#{path}") {
        return Err(invalid(
            "The redirect configuration is not valid because it creates a loop.",
        ));
    }
    Ok(full)
}

/// Only some keywords stand for parts of the request.
fn keywords(part: &str, value: &str, allowed: &[&str]) -> Result<(), ApiError> {
    for piece in value.split("#{").skip(1) {
        let word = piece.split_once('}').map(|(word, _)| word);
        if !word.is_some_and(|word| allowed.contains(&word)) {
            return Err(ApiError::validation(format!(
                "The redirect {part} '{value}' holds an unknown keyword"
            )));
        }
    }
    Ok(())
}

/// A fixed response. Lengths and the status are checked by the model.
///
/// # Errors
///
/// `ValidationError` for another content type than the five.
pub(super) fn fixed_response(asked: &FixedResponse) -> Result<FixedResponse, ApiError> {
    if let Some(content_type) = asked
        .content_type
        .as_deref()
        .filter(|given| !CONTENT_TYPES.contains(given))
    {
        let known = CONTENT_TYPES.join(", ");
        return Err(ApiError::validation(format!(
            "The content type '{content_type}' must be one of {known}"
        )));
    }
    Ok(asked.clone())
}
