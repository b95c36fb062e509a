//! Policies: what changes how backends are reached or traffic is observed.
//!
//! All kinds of policy here are direct attachments (GEP-713): of several that target the same thing
//! the oldest wins and the others say so ([`Precedence`]).

pub mod authorities;
pub mod aws;
pub mod backend_tls;
pub mod certificate_ref;
mod precedence;
pub mod target_group;
pub mod telemetry;
pub mod traffic;
mod validation;

pub use precedence::Precedence;
pub use validation::{TlsFindings, validate};

use crate::translate::Refusal;

/// What a policy's conditions say; the same for each of its ancestors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyVerdict {
    /// `Accepted=False`, with its reason.
    pub refused: Option<Refusal>,
    /// `ResolvedRefs=False`, with its reason.
    pub unresolved: Option<Refusal>,
    /// What the owner should know although the policy is accepted: fields without effect.
    pub notes: Vec<String>,
}

#[cfg(test)]
mod tests;
