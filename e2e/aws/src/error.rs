//! Refusals in AWS's words.

use thiserror::Error;

/// A call that is refused: its code as the API reference names it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// For example `DuplicateListener`.
    pub code: String,
    /// What the user reads.
    pub message: String,
    /// Status of the HTTP answer; without one, that of the model's error of this code, else 400.
    pub status: Option<u16>,
}

impl ApiError {
    /// A refusal with the status that the model has for its code.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            status: None,
        }
    }

    /// The same with a status of its own.
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// `ValidationError`, the query services' word for input that breaks a constraint.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationError", message)
    }

    /// A fault of the simulator itself.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new("InternalFailure", message).with_status(500)
    }
}
