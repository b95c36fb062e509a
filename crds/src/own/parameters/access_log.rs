//! The access log.

use crate::own::merge::over;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The access log of the proxies, one line for each request, on standard output.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct AccessLog {
    /// Format of a line. `Off` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<AccessLogFormat>,
    /// Fields of a line, in order; `header:NAME` is a request header. By default those that tell who asked
    /// for what, with which result and how fast; the query is not among them, since it may hold secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 64),
        inner(
            length(max = 135),
            regex(
                pattern = r"^(time|client|peer|listener_port|listener|route|rule|backend|endpoint|method|scheme|host|path|query|protocol|status|bytes_in|bytes_out|duration_ms|upstream_ms|attempts|reason|request_id|trace|user_agent|referer|forwarded_for|sni|tls_version|client_certificate|header:[0-9A-Za-z_-]{1,128})$"
            )
        )
    )]
    pub fields: Option<Vec<String>>,
}

/// Format of a line. `Off` by default.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccessLogFormat {
    /// Nothing is written.
    #[default]
    Off,
    /// Text, one line for each request.
    Text,
    /// One JSON object for each request.
    #[serde(rename = "JSON")]
    Json,
}

over!(AccessLog { format, fields });
