//! Structurally identical types of all kinds become one.
//!
//! Two types are equal when their fields have the same JSON names, presence rules and (recursively)
//! equal types, or their variants are the same strings in the same order. Names don't matter.

use super::kopium::{RawKind, Shape};
use super::names;
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};

/// Module of types that several kinds share.
pub const COMMON: &str = "common";

/// A type to emit. In its fields' tokens, `@7` stands for the class with index 7.
pub struct Class {
    /// Rust name.
    pub name: String,
    /// Module it is emitted in.
    pub module: String,
    /// Fields or variants.
    pub shape: Shape,
    /// `kube(…)` attributes of a root.
    pub kube: Vec<String>,
    /// Where it occurs: kind and JSON path.
    pub places: BTreeMap<String, Vec<String>>,
    /// The names kopium gave it.
    raw_names: BTreeSet<String>,
}

/// Merges the types of all kinds and names the result.
pub fn merge(kinds: &[RawKind]) -> Result<Vec<Class>> {
    let mut merger = Merger::default();
    for raw in kinds {
        merger.visit(raw, &raw.spec, "spec")?;
        if let Some(status) = &raw.status {
            merger.visit(raw, status, "status")?;
        }
    }
    let mut classes = merger.classes;
    let unnamed: Vec<String> = classes
        .iter_mut()
        .filter_map(|class| name(class).err())
        .map(|error| format!("\n  {error}"))
        .collect();
    if !unnamed.is_empty() {
        bail!("types without one name:{}", unnamed.concat());
    }
    let mut taken: BTreeMap<String, String> = kinds
        .iter()
        .map(|raw| (names::pascal_kind(&raw.kind), format!("kind {}", raw.kind)))
        .collect();
    for class in &classes {
        let what = class.raw_names.iter().next().cloned().unwrap_or_default();
        if let Some(other) = taken.insert(class.name.clone(), what.clone()) {
            bail!(
                "{what} and {other} differ but would both be named {}; change xtask/src/crds/names.rs",
                class.name
            );
        }
    }
    Ok(classes)
}

#[derive(Default)]
struct Merger {
    classes: Vec<Class>,
    by_signature: BTreeMap<String, usize>,
}

impl Merger {
    fn visit(&mut self, raw: &RawKind, name: &str, path: &str) -> Result<usize> {
        let found = raw
            .types
            .get(name)
            .with_context(|| format!("{} has no type {name}", raw.kind))?
            .clone();
        let mut signature = if found.kube.is_empty() {
            names::tag(name).to_owned()
        } else {
            format!("root {} ", raw.kind)
        };
        let shape = match found.shape {
            Shape::Enum(variants) => {
                signature.push_str("enum");
                for (_, json) in &variants {
                    signature.push(' ');
                    signature.push_str(json);
                }
                Shape::Enum(variants)
            }
            Shape::Struct(mut fields) => {
                signature.push_str("struct");
                for field in &mut fields {
                    let inner = format!("{path}.{}{}", field.json, suffix(&field.ty));
                    for token in &mut field.ty {
                        if raw.types.contains_key(token.as_str()) {
                            *token = format!("@{}", self.visit(raw, token, &inner)?);
                        }
                    }
                    for part in [" ", &field.json, ":", &field.serde, ":", &field.ty.join(" ")] {
                        signature.push_str(part);
                    }
                }
                Shape::Struct(fields)
            }
        };
        let next = self.classes.len();
        let index = *self.by_signature.entry(signature).or_insert(next);
        if index == next {
            self.classes.push(Class {
                name: String::new(),
                module: String::new(),
                shape,
                kube: found.kube,
                places: BTreeMap::new(),
                raw_names: BTreeSet::new(),
            });
        }
        let class = self.classes.get_mut(index).context("class index out of range")?;
        class.raw_names.insert(name.to_owned());
        class
            .places
            .entry(raw.kind.clone())
            .or_default()
            .push(path.to_owned());
        Ok(index)
    }
}

fn suffix(ty: &[String]) -> &'static str {
    if ty.iter().any(|token| token == "Vec") {
        "[]"
    } else if ty.iter().any(|token| token == "BTreeMap") {
        "{}"
    } else {
        ""
    }
}

fn name(class: &mut Class) -> Result<()> {
    let chosen: BTreeSet<&str> = class
        .raw_names
        .iter()
        .filter_map(|raw| names::chosen(raw))
        .collect();
    let mut chosen = chosen.into_iter();
    class.module = match (class.places.len(), class.places.keys().next()) {
        (1, Some(kind)) => names::module(kind),
        _ => COMMON.to_owned(),
    };
    class.name = match (chosen.next(), chosen.next()) {
        (Some(only), None) => only.to_owned(),
        (Some(one), Some(two)) => bail!(
            "{} are one type but xtask/src/crds/names.rs calls it {one} and {two}",
            joined(&class.raw_names)
        ),
        (None, _) if class.raw_names.len() == 1 => joined(&class.raw_names),
        (None, _) => bail!(
            "{} are one type: give it a name in xtask/src/crds/names.rs",
            joined(&class.raw_names)
        ),
    };
    Ok(())
}

fn joined(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
