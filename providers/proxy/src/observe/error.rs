//! Answers that the proxy makes itself: short, without internals, in the form the client reads.

use crate::http::{LocalResponse, RequestHead, ResponseHead};
use crate::runtime::RouteProtocol;
use bytes::Bytes;
use http::StatusCode;

/// The answer for a status of the proxy's own.
///
/// gRPC clients (by route, or by the request's content type) get HTTP 200 with the gRPC status in
/// the head ("Trailers-Only"), as gRPC over HTTP/2 asks for; others a JSON object when they prefer
/// JSON, else a line of text.
pub fn error_response(
    status: StatusCode,
    protocol: RouteProtocol,
    request: Option<&RequestHead>,
) -> LocalResponse {
    let is_grpc = request.map(RequestHead::is_grpc);
    // A GRPCRoute may be asked by a browser or a health check: those get an HTTP error.
    if is_grpc.unwrap_or(protocol == RouteProtocol::Grpc) {
        return grpc_response(status);
    }
    let mut head = ResponseHead::new(status);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let _ = head.headers.append_raw(b"cache-control", b"no-store");
    }
    let reason = status.canonical_reason().unwrap_or("Error");
    let json = request.is_some_and(prefers_json);
    let body = if json {
        format!("{{\"status\":{},\"message\":\"{reason}\"}}\n", status.as_u16())
    } else {
        format!("{} {reason}\n", status.as_u16())
    };
    let kind: &[u8] = if json {
        b"application/json"
    } else {
        b"text/plain; charset=utf-8"
    };
    let _ = head.headers.append_raw(b"content-type", kind);
    LocalResponse {
        head,
        body: Bytes::from(body),
    }
}

/// A gRPC answer without messages. The gRPC status for an HTTP status follows gRPC's published
/// mapping for intermediaries ("HTTP to gRPC Status Code Mapping").
fn grpc_response(status: StatusCode) -> LocalResponse {
    let mut head = ResponseHead::new(StatusCode::OK);
    let message = format!(
        "{} {}",
        status.as_u16(),
        status.canonical_reason().unwrap_or("Error")
    );
    for (name, value) in [
        ("content-type", "application/grpc"),
        ("grpc-status", itoa::Buffer::new().format(grpc_status(status))),
        // Reasons are printable ASCII without `%`, so they need no percent-encoding.
        ("grpc-message", &message),
    ] {
        let _ = head.headers.append_raw(name.as_bytes(), value.as_bytes());
    }
    LocalResponse {
        head,
        body: Bytes::new(),
    }
}

/// The gRPC status code for an HTTP status.
pub fn grpc_status(status: StatusCode) -> u8 {
    match status.as_u16() {
        // INTERNAL
        400 => 13,
        // UNAUTHENTICATED
        401 => 16,
        // PERMISSION_DENIED
        403 => 7,
        // UNIMPLEMENTED
        404 => 12,
        // UNAVAILABLE
        429 | 502 | 503 => 14,
        // UNAVAILABLE by the mapping; but a timeout of this proxy is the deadline's: DEADLINE_EXCEEDED
        408 | 504 => 4,
        // RESOURCE_EXHAUSTED
        413 | 431 => 8,
        // UNKNOWN
        _ => 2,
    }
}

/// Whether `Accept` ranks JSON above text and HTML. Quality values count, specificity does not:
/// between a few types that is all there is to tell.
fn prefers_json(head: &RequestHead) -> bool {
    let (mut json, mut other) = (0u16, 0u16);
    for element in head.headers.list("accept") {
        let Ok(element) = std::str::from_utf8(element) else {
            continue;
        };
        let mut parts = element.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let quality = parts
            .find_map(|part| part.strip_prefix("q="))
            .map_or(1000, |text| {
                text.parse::<f32>()
                    .map_or(0, |quality| (quality.clamp(0.0, 1.0) * 1000.0) as u16)
            });
        if kind.eq_ignore_ascii_case("application/json") || kind.ends_with("+json") {
            json = json.max(quality);
        } else if kind.starts_with("text/") || kind == "application/xhtml+xml" {
            other = other.max(quality);
        }
    }
    json > 0 && json > other
}

#[cfg(test)]
mod tests {
    use super::{error_response, grpc_status};
    use crate::policy::chain::tests::request;
    use crate::runtime::RouteProtocol::{Grpc, Http};
    use http::StatusCode;

    fn answer(accept: Option<&str>, status: u16) -> (String, String) {
        let mut head = request("GET", "a", "/");
        if let Some(accept) = accept {
            head.headers.append_raw(b"accept", accept.as_bytes()).unwrap();
        }
        let response = error_response(StatusCode::from_u16(status).unwrap(), Http, Some(&head));
        assert_eq!(response.head.status.as_u16(), status);
        (
            response.head.headers.get_str("content-type").unwrap().to_owned(),
            String::from_utf8(response.body.to_vec()).unwrap(),
        )
    }

    #[test]
    fn errors_come_as_text_or_json() {
        let text = "text/plain; charset=utf-8";
        for (accept, kind) in [
            (None, text),
            (Some("*/*"), text),
            (
                Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
                text,
            ),
            (Some("application/json"), "application/json"),
            (
                Some("application/problem+json, text/plain;q=0.5"),
                "application/json",
            ),
            (Some("application/json;q=0.5, text/html"), text),
            (Some("application/json;q=0"), text),
        ] {
            assert_eq!(answer(accept, 503).0, kind, "{accept:?}");
        }
        assert_eq!(answer(None, 404).1, "404 Not Found\n");
        assert_eq!(
            answer(Some("application/json"), 404).1,
            "{\"status\":404,\"message\":\"Not Found\"}\n"
        );
    }

    #[test]
    fn grpc_clients_get_trailers_only_answers() {
        let mut head = request("POST", "a", "/s/m");
        head.headers
            .append_raw(b"content-type", b"application/grpc")
            .unwrap();
        for (protocol, request) in [(Http, Some(&head)), (Grpc, Some(&head)), (Grpc, None)] {
            let response = error_response(StatusCode::SERVICE_UNAVAILABLE, protocol, request);
            assert_eq!(response.head.status.as_u16(), 200);
            let field = |name| response.head.headers.get_str(name);
            assert_eq!(field("content-type"), Some("application/grpc"));
            assert_eq!(field("grpc-status"), Some("14"));
            assert_eq!(field("grpc-message"), Some("503 Service Unavailable"));
            assert!(response.body.is_empty());
        }
        let browser = request("GET", "a", "/");
        let response = error_response(StatusCode::NOT_FOUND, Grpc, Some(&browser));
        assert_eq!(response.head.status.as_u16(), 404);
    }

    #[test]
    fn grpc_statuses() {
        for (http, grpc) in [
            (400, 13),
            (401, 16),
            (403, 7),
            (404, 12),
            (429, 14),
            (500, 2),
            (502, 14),
            (503, 14),
            (504, 4),
        ] {
            assert_eq!(grpc_status(StatusCode::from_u16(http).unwrap()), grpc);
        }
    }
}
