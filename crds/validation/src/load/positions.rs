//! Where each value of a document stands.

use std::collections::HashMap;

use crate::diagnostic::Position;
use crate::path::{PathBuf, Step};

/// The position of a value and of its parts.
#[derive(Clone, Debug)]
pub(crate) struct PositionTree {
    pub(crate) at: Position,
    pub(crate) parts: Parts,
}

/// The parts of a value.
#[derive(Clone, Debug)]
pub(crate) enum Parts {
    /// A scalar.
    None,
    /// Items of a sequence.
    Items(Vec<PositionTree>),
    /// Entries of a mapping: the position of the key, and the value.
    Entries(HashMap<String, (Position, PositionTree)>),
}

impl PositionTree {
    /// The position of what `path` names, or of the innermost value around it that exists. A key stands for its
    /// entry when the value is a collection, or when `prefer_key` asks for it.
    pub(crate) fn find(&self, path: &PathBuf, prefer: Prefer) -> Position {
        let mut tree = self;
        let mut key_at = None;
        for step in &path.0 {
            let next = match (&tree.parts, step) {
                (Parts::Items(items), Step::Index(index)) => items.get(*index).map(|item| (None, item)),
                (Parts::Entries(entries), Step::Field(name) | Step::Key(name)) => {
                    entries.get(&**name).map(|(at, value)| (Some(*at), value))
                }
                _ => None,
            };
            let Some((key, value)) = next else {
                // What is missing is missing here: point at the innermost thing that is there.
                return match (&tree.parts, key_at) {
                    (Parts::Entries(_), Some(at)) => at,
                    _ => tree.at,
                };
            };
            key_at = key;
            tree = value;
        }
        match (prefer, &tree.parts, key_at) {
            (Prefer::Key, _, Some(at)) | (_, Parts::Items(_) | Parts::Entries(_), Some(at)) => at,
            _ => tree.at,
        }
    }
}

/// Which of the two places of an entry a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prefer {
    /// The key, such as for an unknown field.
    Key,
    /// The value.
    Value,
}
