//! Kinds of failures from what the API server answers. Codes and reasons, never texts.

use crate::kind::Key;
use gatewright_provider_api::contract::{ErrorKind, ProviderError};
use kube::core::Status;
use std::time::Duration;

/// Fields of a Service that say which address is asked for.
const ADDRESS_FIELDS: [&str; 4] = [
    "spec.clusterIP",
    "spec.clusterIPs",
    "spec.loadBalancerIP",
    "spec.externalIPs",
];

/// The failure of a call about `key`.
pub fn of(key: &Key, error: kube::Error) -> ProviderError {
    let kind = match &error {
        kube::Error::Api(status) => kind(status),
        kube::Error::Service(_) | kube::Error::HyperError(_) => ErrorKind::Unavailable,
        _ => ErrorKind::Unexpected,
    };
    let message = match error {
        kube::Error::Api(status) => status.message,
        error => error.to_string(),
    };
    ProviderError {
        kind,
        resource: key.resource(),
        message,
    }
}

/// The call was not answered in time.
pub fn timeout(key: &Key, after: Duration) -> ProviderError {
    ProviderError {
        kind: ErrorKind::Timeout,
        resource: key.resource(),
        message: format!("the API server did not answer within {after:?}"),
    }
}

/// By code and reason (Kubernetes API conventions, "Response Status Kind").
pub fn kind(status: &Status) -> ErrorKind {
    let causes = || status.details.iter().flat_map(|details| &details.causes);
    match status.code {
        429 => {
            let seconds = status.details.as_ref().map(|details| details.retry_after_seconds);
            ErrorKind::Throttled {
                after: seconds
                    .filter(|seconds| *seconds > 0)
                    .map(|seconds| Duration::from_secs(u64::from(seconds))),
            }
        }
        404 | 410 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        // What is made in a namespace that is being deleted goes with it.
        403 if causes().any(|cause| cause.reason == "NamespaceTerminating") => ErrorKind::InUse,
        401 | 403 => ErrorKind::Forbidden,
        422 if causes().any(|cause| ADDRESS_FIELDS.iter().any(|field| cause.field.starts_with(field))) => {
            ErrorKind::AddressUnavailable
        }
        400 | 405 | 406 | 413 | 415 | 422 => ErrorKind::Invalid,
        408 | 504 => ErrorKind::Timeout,
        500 | 502 | 503 => ErrorKind::Unavailable,
        _ => ErrorKind::Unexpected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status(code: u16, details: serde_json::Value) -> Status {
        serde_json::from_value(json!({"code": code, "details": details})).unwrap()
    }

    #[test]
    fn codes_and_reasons_become_kinds() {
        let cases = [
            (
                429,
                json!({"retryAfterSeconds": 3}),
                ErrorKind::Throttled {
                    after: Some(Duration::from_secs(3)),
                },
            ),
            (429, json!({}), ErrorKind::Throttled { after: None }),
            (409, json!({}), ErrorKind::Conflict),
            (404, json!({}), ErrorKind::NotFound),
            (403, json!({}), ErrorKind::Forbidden),
            (
                403,
                json!({"causes": [{"reason": "NamespaceTerminating"}]}),
                ErrorKind::InUse,
            ),
            (
                422,
                json!({"causes": [{"field": "spec.clusterIPs[0]"}]}),
                ErrorKind::AddressUnavailable,
            ),
            (
                422,
                json!({"causes": [{"field": "spec.ports[0].port"}]}),
                ErrorKind::Invalid,
            ),
            (500, json!({}), ErrorKind::Unavailable),
            (504, json!({}), ErrorKind::Timeout),
            (418, json!({}), ErrorKind::Unexpected),
        ];
        for (code, details, expected) in cases {
            assert_eq!(kind(&status(code, details.clone())), expected, "{code} {details}");
        }
    }
}
