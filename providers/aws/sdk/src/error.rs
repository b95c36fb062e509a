//! AWS's errors by kind.

mod codes;
mod credentials;
mod hints;

pub use codes::kind_of_code;
pub(crate) use codes::throttles;

use crate::calls::Call;
use crate::limiter::Busy;
use crate::wire::failure::{self, REQUEST_ID, header_id};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::ErrorKind as Retried;
use gatewright_aws::cloud::CloudError;
use gatewright_provider_api::contract::ErrorKind;
use std::error::Error;
use std::time::Duration;

/// The part of AWS's message that is passed on, in characters.
const LONGEST_MESSAGE: usize = 600;

/// What went wrong with a call.
pub(crate) fn cloud_error<E>(call: &'static Call, error: &SdkError<E, HttpResponse>) -> CloudError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let told = |kind, message: String| CloudError {
        kind,
        operation: call.operation,
        code: "".into(),
        message,
    };
    match error {
        SdkError::ServiceError(refused) => service_error(call, refused.err(), refused.raw()),
        SdkError::TimeoutError(_) => told(ErrorKind::Timeout, "no answer in time".into()),
        SdkError::ResponseError(answer) => {
            let status = answer.raw().status().as_u16();
            let id = request_id(header_id(answer.raw().headers()));
            told(
                by_status(status),
                format!("an answer with HTTP status {status} cannot be read{id}"),
            )
        }
        SdkError::DispatchFailure(failure) => {
            let source = failure.as_connector_error().and_then(Error::source);
            if let Some(busy) = find::<Busy>(source) {
                let kind = ErrorKind::Throttled {
                    after: Some(busy.after),
                };
                return told(kind, format!("not sent: {busy}"));
            }
            if let Some((kind, message)) = credentials::trouble(source) {
                return told(kind, message);
            }
            if failure.is_timeout() {
                return told(ErrorKind::Timeout, "no connection or answer in time".into());
            }
            if failure.is_io() {
                return told(ErrorKind::Unavailable, hints::unreachable(call));
            }
            // Closed in the midst of an answer, as when a server goes away: nobody knows whether the call was done.
            if failure.as_other() == Some(Retried::TransientError) {
                return told(
                    ErrorKind::Unavailable,
                    "the connection was closed before an answer had come".into(),
                );
            }
            told(ErrorKind::Unexpected, format!("not sent: {}", chain(source)))
        }
        SdkError::ConstructionFailure(_) => match credentials::trouble(error.source()) {
            Some((kind, message)) => told(kind, message),
            None => told(
                ErrorKind::Unexpected,
                format!("not sent: {}", chain(error.source())),
            ),
        },
        _ => told(
            ErrorKind::Unexpected,
            "an error of a form that the SDK added later".into(),
        ),
    }
}

fn service_error<E>(call: &'static Call, error: &E, answer: &HttpResponse) -> CloudError
where
    E: ProvideErrorMetadata,
{
    let status = answer.status().as_u16();
    let code = error.code().unwrap_or_default();
    let kind = match kind_of_code(call.service, call.operation, code) {
        Some(ErrorKind::Throttled { .. }) => ErrorKind::Throttled {
            after: retry_after(answer),
        },
        Some(kind) => kind,
        None if status == 429 => ErrorKind::Throttled {
            after: retry_after(answer),
        },
        None => by_status(status),
    };
    let id = error
        .meta()
        .extra(REQUEST_ID)
        .or_else(|| header_id(answer.headers()))
        .map(str::to_owned);
    // The SDK's own crates do not look for it in the body.
    let id = id.or_else(|| {
        let body = answer.body().bytes().unwrap_or_default();
        failure::read(answer.headers(), body)
            .extra(REQUEST_ID)
            .map(str::to_owned)
    });
    let mut message = hints::of(call, kind, code).map_or_else(String::new, |hint| format!("{hint}: "));
    match error.message() {
        // What AWS says about a request with a private key is not repeated.
        Some(said) if !call.confidential() => message.extend(said.chars().take(LONGEST_MESSAGE)),
        _ => message.push_str("refused"),
    }
    message.push_str(&request_id(id.as_deref()));
    CloudError {
        kind,
        operation: call.operation,
        code: if code.is_empty() {
            format!("HTTP {status}").into()
        } else {
            code.into()
        },
        message,
    }
}

fn request_id(id: Option<&str>) -> String {
    let id = id.filter(|id| id.len() <= 128 && id.bytes().all(|byte| byte.is_ascii_graphic()));
    id.map(|id| format!(" (request {id})")).unwrap_or_default()
}

const fn by_status(status: u16) -> ErrorKind {
    match status {
        429 => ErrorKind::Throttled { after: None },
        500..=599 => ErrorKind::Unavailable,
        _ => ErrorKind::Unexpected,
    }
}

/// `Retry-After` in seconds, or AWS's `x-amz-retry-after` in milliseconds; at most five minutes.
fn retry_after(answer: &HttpResponse) -> Option<Duration> {
    let number = |name: &str| {
        answer
            .headers()
            .get(name)
            .and_then(|value| value.parse::<u64>().ok())
    };
    let millis =
        number("x-amz-retry-after").or_else(|| number("retry-after").map(|s| s.saturating_mul(1000)))?;
    Some(Duration::from_millis(millis.min(300_000)))
}

/// An error of this type in a chain of causes.
fn find<'a, T: Error + 'static>(mut source: Option<&'a (dyn Error + 'static)>) -> Option<&'a T> {
    // Chains are short; a cycle would be a defect of whoever made it.
    for _ in 0..32 {
        let error = source?;
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        source = error.source();
    }
    None
}

fn chain(source: Option<&(dyn Error + 'static)>) -> String {
    let mut text = String::new();
    let mut next = source;
    for _ in 0..8 {
        let Some(error) = next else { break };
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&error.to_string());
        next = error.source();
    }
    text.chars().take(LONGEST_MESSAGE).collect()
}

#[cfg(test)]
mod tests;
