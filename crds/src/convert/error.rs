//! Why an object cannot be brought to our types.

use super::served::Gvk;
use crate::bundle::{Bundle, Channel};
use crate::own;
use std::fmt;

/// An object that cannot be converted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// `apiVersion` or `kind` is missing or no string.
    #[error("{field} is missing or not a string")]
    NoType {
        /// `apiVersion` or `kind`.
        field: &'static str,
    },
    /// The kind or version is not served.
    #[error(transparent)]
    Served(#[from] Box<ServedError>),
    /// A value of an older shape has no counterpart.
    #[error("{gvk}: {field} is {found}; accepted: {accepted}")]
    Field {
        /// Type of the object.
        gvk: Box<Gvk>,
        /// Path of the field.
        field: String,
        /// What it holds.
        found: String,
        /// What is accepted.
        accepted: &'static str,
    },
}

/// [`ConvertError::Field`] before the object's type is known.
pub(super) struct FieldError {
    pub field: String,
    pub found: String,
    pub accepted: &'static str,
}

impl FieldError {
    pub fn of(self, gvk: &Gvk) -> ConvertError {
        ConvertError::Field {
            gvk: Box::new(gvk.clone()),
            field: self.field,
            found: self.found,
            accepted: self.accepted,
        }
    }
}

/// A kind or version that is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedError {
    /// What the object says it is.
    pub gvk: Gvk,
    /// Where it was looked for; `None` stands for every supported release.
    pub place: Option<(Bundle, Channel)>,
    /// Versions of this very kind that are served there.
    pub served: Vec<String>,
    /// `apiVersion kind` to use instead, when the kind moved or is misspelt.
    pub instead: Option<String>,
    /// Where this kind and version are served, if elsewhere.
    pub elsewhere: Vec<(Bundle, Channel)>,
}

impl std::error::Error for ServedError {}

impl fmt::Display for ServedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not served by ", self.gvk)?;
        if self.gvk.group == own::GROUP {
            f.write_str("Gatewright")?;
        } else if let Some((bundle, channel)) = self.place {
            write!(f, "Gateway API {bundle} ({channel} channel)")?;
        } else {
            let names: Vec<&str> = Bundle::ALL.iter().map(|bundle| bundle.as_str()).collect();
            write!(f, "Gateway API {}", names.join(" or "))?;
        }
        if !self.served.is_empty() {
            write!(f, "; served: {}", self.served.join(", "))?;
        } else if let Some(instead) = &self.instead {
            write!(f, "; use {instead}")?;
        }
        if !self.elsewhere.is_empty() {
            let places: Vec<String> = self
                .elsewhere
                .iter()
                .map(|(bundle, channel)| format!("{bundle} {channel}"))
                .collect();
            write!(f, "; it is served by {}", places.join(", "))?;
        }
        Ok(())
    }
}
