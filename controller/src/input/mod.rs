//! Manifests from files: which files there are, what they hold, and what changed since the last look.

pub mod dangling;
pub mod read;
pub mod scan;
pub mod world;

/// The object that a change is about.
pub fn key_of(change: &gatewright_core::snapshot::Change) -> gatewright_core::snapshot::ObjectKey {
    use gatewright_core::snapshot::Change;
    match change {
        Change::Upsert(object) => object.key(),
        Change::Delete(key) => key.clone(),
    }
}
