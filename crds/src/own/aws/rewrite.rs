//! Rewrites by expressions.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// What an expression matches becomes something else; what it does not match stays.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RegexRewrite {
    /// Regular expression, without look-around, back-references and flags.
    #[schemars(length(min = 1, max = 1024))]
    pub expression: String,
    /// What takes the place of what it matches; `$1` to `$9` stand for its groups. Empty by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub replacement: Option<String>,
}
