//! Manifest loading and CRD validation without an API server.
//!
//! [`Validator`] takes the bytes of YAML or JSON manifests and gives back the objects an API server would have
//! stored, defaults applied, together with a [`Diagnostic`] for everything it would have refused or warned about. The
//! verdict is that of a Gateway API bundle and channel: structural schema, list types, and every validation rule (CEL)
//! of its CRDs.
//!
//! The crate is pure: it reads no files, and everything that is read is bounded by [`Limits`].
//!
//! ```
//! use gatewright_validation::{Bundle, Channel, Mode, Validator};
//!
//! let validator = Validator::new(Bundle::default(), Channel::default(), Mode::Strict);
//! let loaded = validator.load("shop.yaml", b"
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: HTTPRoute
//! metadata: {name: shop}
//! spec:
//!   rules:
//!   - matches: [{path: {type: Prefix, value: /}}]
//! ");
//! assert!(loaded.objects.is_empty());
//! assert!(loaded.diagnostics[0].to_string().contains(r#"Unsupported value: "Prefix""#));
//! ```

mod catalog;
mod cel;
mod core_kinds;
#[cfg(test)]
mod corpus;
mod diagnostic;
mod finding;
mod load;
mod metadata;
mod names;
mod path;
mod schema;
mod validator;

pub use diagnostic::{Code, Diagnostic, ObjectRef, Position, Severity};
pub use gatewright_crds::bundle::{Bundle, Channel};
pub use load::Limits;
pub use validator::{Gvk, Loaded, LoadedObject, Mode, Source, Validator};
