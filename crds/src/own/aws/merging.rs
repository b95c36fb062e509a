//! Whose settings win.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whose settings win where a GatewayClass and its Gateway both have some. `PreferGateway` by default.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MergingMode {
    /// The Gateway's: what the class has are defaults.
    #[default]
    PreferGateway,
    /// The class's: a Gateway sets what the class leaves open.
    PreferGatewayClass,
}
