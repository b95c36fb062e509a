//! The access log.

use super::merge::over;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The access log of the proxies, one line for each request, on standard output.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct AccessLog {
    /// Format of a line, or `Off`. `JSON` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<AccessLogFormat>,
}

/// Format of the access log.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccessLogFormat {
    /// Nothing is written.
    Off,
    /// Text, one line for each request.
    Text,
    /// One JSON object for each request.
    #[default]
    #[serde(rename = "JSON")]
    Json,
}

over!(AccessLog { format });
