//! Who receives what.

use gatewright_model::Str;
use gatewright_model::key::ObjectName;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A group of proxies that all serve the same: whatever is published for it, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// The proxies of one Gateway.
    Gateway(ObjectName),
    /// The shared proxies of one GatewayClass.
    Class(Str),
}

impl fmt::Display for Scope {
    /// `gateway/NAMESPACE/NAME` or `class/NAME`, which [`FromStr`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gateway(gateway) => write!(f, "gateway/{}/{}", gateway.namespace, gateway.name),
            Self::Class(class) => write!(f, "class/{class}"),
        }
    }
}

/// The text names no scope.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("found `{0}`; accepted is gateway/NAMESPACE/NAME or class/NAME")]
pub struct ScopeError(String);

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            ["gateway", namespace, name] if !namespace.is_empty() && !name.is_empty() => {
                Ok(Self::Gateway(ObjectName::new(namespace, name)))
            }
            ["class", name] if !name.is_empty() => Ok(Self::Class((*name).into())),
            _ => Err(ScopeError(text.chars().take(256).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Scope;
    use gatewright_model::key::ObjectName;

    #[test]
    fn text_and_back() {
        for scope in [
            Scope::Gateway(ObjectName::new("a", "b")),
            Scope::Class("software".into()),
        ] {
            assert_eq!(scope.to_string().parse(), Ok(scope));
        }
        for wrong in ["", "gateway/a", "gateway//b", "class/", "class/a/b", "x/a"] {
            assert!(wrong.parse::<Scope>().is_err(), "{wrong}");
        }
    }
}
