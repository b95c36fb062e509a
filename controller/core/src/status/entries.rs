//! Lists that several controllers share: `status.parents[]` of routes, `status.ancestors[]` of policies.

use super::{Stamp, Wanted};
use gatewright_crds::api::{
    ParentReference, PolicyAncestorStatus, RouteParentStatus, XBackendStatusAncestors,
};
use gatewright_model::Str;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// An entry of such a list.
pub trait Entry: Clone {
    /// What the entry is about.
    fn reference(&self) -> &ParentReference;
    /// Who wrote it.
    fn controller(&self) -> &str;
    /// Its conditions.
    fn conditions(&self) -> &[Condition];
    /// A new entry.
    fn new(reference: ParentReference, controller: String, conditions: Vec<Condition>) -> Self;
}

impl Entry for RouteParentStatus {
    fn reference(&self) -> &ParentReference {
        &self.parent_ref
    }
    fn controller(&self) -> &str {
        &self.controller_name
    }
    fn conditions(&self) -> &[Condition] {
        &self.conditions
    }
    fn new(parent_ref: ParentReference, controller_name: String, conditions: Vec<Condition>) -> Self {
        Self {
            conditions,
            controller_name,
            parent_ref,
        }
    }
}

impl Entry for PolicyAncestorStatus {
    fn reference(&self) -> &ParentReference {
        &self.ancestor_ref
    }
    fn controller(&self) -> &str {
        &self.controller_name
    }
    fn conditions(&self) -> &[Condition] {
        &self.conditions
    }
    fn new(ancestor_ref: ParentReference, controller_name: String, conditions: Vec<Condition>) -> Self {
        Self {
            ancestor_ref,
            conditions,
            controller_name,
        }
    }
}

impl Entry for XBackendStatusAncestors {
    fn reference(&self) -> &ParentReference {
        &self.ancestor_ref
    }
    fn controller(&self) -> &str {
        &self.controller_name
    }
    fn conditions(&self) -> &[Condition] {
        self.conditions.as_deref().unwrap_or_default()
    }
    fn new(ancestor_ref: ParentReference, controller_name: String, conditions: Vec<Condition>) -> Self {
        Self {
            ancestor_ref,
            conditions: Some(conditions),
            controller_name,
        }
    }
}

/// An entry as we want it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedEntry {
    /// What it is about, exactly as written in the specification (checklist item 3).
    pub reference: ParentReference,
    /// The controller name of the Gateway's class.
    pub controller: Str,
    /// Conditions.
    pub conditions: Word,
}

/// What is said in an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// This.
    Now(Vec<Wanted>),
    /// What was said before stands.
    Stands,
}

/// Merges entries into a list by (reference, controller): those of other controllers stay byte for byte
/// and in place, ours are updated in place, ours that are no longer wanted go, new ones are appended
/// while there is room for them (`RouteStatus.parents`: at most 32; `PolicyStatus.ancestors`: at most
/// 16, "if this slice is full, implementations MUST NOT add further entries").
pub fn merge<E: Entry>(
    existing: &[E],
    wanted: Vec<WantedEntry>,
    ours: &[Str],
    (limit, stamp): (usize, Stamp),
) -> Vec<E> {
    let mut wanted: Vec<Option<WantedEntry>> = wanted.into_iter().map(Some).collect();
    let mut merged = Vec::with_capacity(existing.len().max(wanted.len()));
    for old in existing {
        if !ours.iter().any(|name| **name == *old.controller()) {
            merged.push(old.clone());
            continue;
        }
        let same =
            |new: &WantedEntry| new.reference == *old.reference() && *new.controller == *old.controller();
        let found = wanted
            .iter_mut()
            .find(|slot| slot.as_ref().is_some_and(same))
            .and_then(Option::take);
        if let Some(WantedEntry {
            reference,
            controller,
            conditions,
        }) = found
        {
            let conditions = match conditions {
                Word::Now(conditions) => stamp.merge(old.conditions(), conditions),
                Word::Stands => old.conditions().to_vec(),
            };
            merged.push(E::new(reference, controller.to_string(), conditions));
        }
    }
    for WantedEntry {
        reference,
        controller,
        conditions,
    } in wanted.into_iter().flatten()
    {
        let Word::Now(conditions) = conditions else {
            continue;
        };
        if merged.len() < limit {
            merged.push(E::new(
                reference,
                controller.to_string(),
                stamp.merge(&[], conditions),
            ));
        }
    }
    merged
}
