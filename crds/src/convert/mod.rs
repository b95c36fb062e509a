//! From any served version or older shape to the shape of [`crate::api`]'s types.
//!
//! The versions of a Gateway API kind differ in little more than their names: the API server converts
//! between them by changing `apiVersion` alone. What did change shape did so between releases within
//! one version (GEP-1619's session persistence, GEP-4894's XBackend). Conversion therefore looks at the
//! object's content and not at the release it was validated against; an object that already has the
//! present shape is left as it is.
//!
//! Input is expected to have passed schema validation. What no shape explains is left alone, so that
//! nothing is lost that validation would have reported.

mod error;
mod hints;
mod present;
mod served;
mod shape;
#[cfg(test)]
mod tests;

pub use error::{ConvertError, ServedError};
pub use hints::{moved_field, old_value};
pub use present::present;
pub use served::{Gvk, check_served, served_anywhere, table};
pub use shape::DEFAULT_SESSION_HEADER;

use crate::kinds::{self, KindInfo};
use serde_json::{Map, Value};

/// Brings an object of the Gateway API to the version and shape of our types. Objects of other API
/// groups come back untouched.
///
/// # Errors
///
/// The object has no `apiVersion` or `kind`; its kind or version is served by no supported release; or
/// a value of an older shape cannot be said in the present one.
pub fn convert(mut value: Value) -> Result<Value, ConvertError> {
    let gvk = Gvk::of(&value)?;
    let Some(kind) = served_anywhere(&gvk)? else {
        return Ok(value);
    };
    if let Some(object) = value.as_object_mut() {
        object.insert("apiVersion".to_owned(), kind.api_version().into());
        reshape(object, kind).map_err(|field| field.of(&gvk))?;
    }
    Ok(value)
}

fn reshape(object: &mut Map<String, Value>, kind: &KindInfo) -> Result<(), error::FieldError> {
    match (kind.group, kind.kind) {
        (kinds::GROUP, "HTTPRoute" | "GRPCRoute") => shape::route_rules(object),
        (kinds::GROUP, "TLSRoute") => {
            shape::tls_hostnames(object);
            Ok(())
        }
        (kinds::EXPERIMENTAL_GROUP, "XBackendTrafficPolicy") => shape::policy_session(object),
        (kinds::EXPERIMENTAL_GROUP, "XBackend") => {
            shape::backend(object);
            Ok(())
        }
        _ => Ok(()),
    }
}
