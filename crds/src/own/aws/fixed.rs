//! What a load balancer answers by itself.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An answer of the load balancer's own.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.statusCode < 300 || self.statusCode > 399")
        .message("statusCode must be 2xx, 4xx or 5xx"),
    validation = Rule::new("!has(self.contentType) || has(self.body)").message("contentType belongs to body")
)]
pub struct FixedResponse {
    /// Status: 2xx, 4xx or 5xx. For 3xx there is the filter `RequestRedirect`.
    #[schemars(range(min = 200, max = 599))]
    pub status_code: u16,
    /// What `body` is. `text/plain` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<ContentType>,
    /// Body, without any by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub body: Option<String>,
}

/// What a body is. `text/plain` by default.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContentType {
    /// Text.
    #[default]
    #[serde(rename = "text/plain")]
    Text,
    /// A style sheet.
    #[serde(rename = "text/css")]
    Css,
    /// A page.
    #[serde(rename = "text/html")]
    Html,
    /// A script.
    #[serde(rename = "application/javascript")]
    Script,
    /// JSON.
    #[serde(rename = "application/json")]
    Json,
}

impl ContentType {
    /// As it stands in a header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text/plain",
            Self::Css => "text/css",
            Self::Html => "text/html",
            Self::Script => "application/javascript",
            Self::Json => "application/json",
        }
    }
}
