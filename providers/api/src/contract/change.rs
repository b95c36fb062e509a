//! Changes as data.

use gatewright_model::Str;
use serde::Serialize;
use std::fmt;

/// A resource of a provider: its kind and its identity there, for example `Service infra/edge`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Resource {
    /// Kind, in the provider's word.
    pub kind: &'static str,
    /// Identity, as a person would look for it.
    pub id: Str,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.id)
    }
}

/// What happens to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is made.
    Create,
    /// Some of its fields change.
    Update,
    /// A field that cannot change differs: a new one takes its place.
    Replace,
    /// It goes.
    Delete,
}

impl Action {
    /// Label of metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
        }
    }
}

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// Path.
    pub field: String,
    /// As it is, in JSON; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// As it is wanted, in JSON; absent when it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change<S> {
    /// What happens.
    pub action: Action,
    /// To which resource.
    pub resource: Resource,
    /// Fields that differ, for an update or a replacement.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// Why, for a person.
    pub why: String,
    /// Resources whose changes in the same plan must have succeeded first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Resource>,
    /// What the driver needs to carry it out.
    #[serde(skip)]
    pub step: S,
}

impl<S> Change<S> {
    /// The change for whoever does not carry it out.
    pub fn without_step(self) -> Change<()> {
        Change {
            action: self.action,
            resource: self.resource,
            fields: self.fields,
            why: self.why,
            needs: self.needs,
            step: (),
        }
    }
}

impl<S> fmt::Display for Change<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.action.label(), self.resource, self.why)?;
        for (index, field) in self.fields.iter().enumerate() {
            let mark = if index == 0 { "; " } else { ", " };
            let or_none = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
            write!(
                f,
                "{mark}{} from {} to {}",
                field.field,
                or_none(&field.from),
                or_none(&field.to)
            )?;
        }
        Ok(())
    }
}

/// Changes in the order they are made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan<S> {
    /// The changes; none when everything is as it should be.
    pub changes: Vec<Change<S>>,
}

impl<S> Plan<S> {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

impl<S> Default for Plan<S> {
    fn default() -> Self {
        Self { changes: Vec::new() }
    }
}
