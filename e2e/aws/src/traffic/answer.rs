//! What the load balancer answers itself.

use super::matching::Fixed;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION, SERVER};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};

/// Any error of a body.
pub(super) type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A body of a request or response.
pub(super) type Body = UnsyncBoxBody<Bytes, BodyError>;

/// The body that holds what is given.
pub(super) fn body(of: impl Into<Bytes>) -> Body {
    Full::new(of.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// Answers of the load balancer's own: the statuses are those of
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The request is malformed.
    BadRequest,
    /// A web ACL blocks it.
    Forbidden,
    /// TRACE.
    Method,
    /// The body is larger than a Lambda function takes.
    TooLarge,
    /// The client stopped sending its body.
    RequestTimeout,
    /// More than 30 addresses in `X-Forwarded-For`.
    ForwardedFor,
    /// The request's protocol does not fit the target group's version.
    Protocol,
    /// A transform failed.
    Transform,
    /// The user is not logged in, or the token not valid.
    Unauthorized,
    /// The keys of tokens could not be had.
    Keys,
    /// The target could not be reached, or answered badly.
    BadGateway,
    /// There is no target.
    NoTarget,
    /// The target did not answer in time.
    GatewayTimeout,
}

impl Refusal {
    fn status(self) -> (u16, &'static str) {
        match self {
            Self::BadRequest => (400, "Bad Request"),
            Self::Forbidden => (403, "Forbidden"),
            Self::Method => (405, "Method Not Allowed"),
            Self::RequestTimeout => (408, "Request Timeout"),
            Self::TooLarge => (413, "Request Entity Too Large"),
            Self::ForwardedFor => (463, "463"),
            Self::Protocol => (464, "464"),
            Self::Unauthorized => (401, "Authorization Required"),
            Self::Transform | Self::Keys => (500, "Internal Server Error"),
            Self::BadGateway => (502, "Bad Gateway"),
            Self::NoTarget => (503, "Service Temporarily Unavailable"),
            Self::GatewayTimeout => (504, "Gateway Time-out"),
        }
    }

    /// The answer.
    pub(super) fn answer(self) -> Response<Body> {
        let (status, reason) = self.status();
        page(
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            reason,
        )
    }
}

/// A page with a status.
fn page(status: StatusCode, reason: &str) -> Response<Body> {
    let title = if reason == status.as_str() {
        reason.to_owned()
    } else {
        format!("{} {reason}", status.as_str())
    };
    let html = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    );
    own(status, Some("text/html"), html)
}

/// `redirect`.
pub(super) fn redirect(status: u16, location: &str) -> Response<Body> {
    let Ok(location) = HeaderValue::from_str(location) else {
        return Refusal::BadRequest.answer();
    };
    let mut response = match status {
        301 => page(StatusCode::MOVED_PERMANENTLY, "Moved Permanently"),
        _ => page(StatusCode::FOUND, "Found"),
    };
    response.headers_mut().insert(LOCATION, location);
    response
}

/// `fixed-response`. A body without a type is plain text (assumed).
pub(super) fn fixed(fixed: &Fixed) -> Response<Body> {
    let status = StatusCode::from_u16(fixed.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let plain = (!fixed.body.is_empty()).then_some("text/plain");
    own(
        status,
        fixed.content_type.as_deref().or(plain),
        fixed.body.clone(),
    )
}

fn own(status: StatusCode, content_type: Option<&str>, text: String) -> Response<Body> {
    let mut response = Response::new(body(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(SERVER, HeaderValue::from_static("awselb/2.0"));
    if let Some(value) = content_type.and_then(|kind| HeaderValue::from_str(kind).ok()) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    response
}
