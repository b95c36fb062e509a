//! Runs kopium on one CRD and reads the Rust it prints into a small structural form.

use crate::run::{command, output};
use crate::tools::CargoTool;
use anyhow::{Context, Result, bail};
use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use std::collections::BTreeMap;
use std::path::Path;
use syn::{Attribute, Fields, Item};

/// The generator of types from CRD schemas.
pub const KOPIUM: CargoTool = CargoTool {
    name: "kopium",
    version: "0.24.1",
};

/// A type that kopium printed.
#[derive(Clone)]
pub struct RawType {
    /// Its Rust name, a path through the schema.
    pub name: String,
    /// `kube(…)` attribute bodies; only the root spec has some.
    pub kube: Vec<String>,
    /// Fields or variants.
    pub shape: Shape,
}

/// Body of a type.
#[derive(Clone)]
pub enum Shape {
    /// A struct.
    Struct(Vec<RawField>),
    /// An enum of plain strings: Rust name and serialised name.
    Enum(Vec<(String, String)>),
}

/// A field of a struct.
#[derive(Clone)]
pub struct RawField {
    /// Rust name.
    pub name: String,
    /// Name in JSON.
    pub json: String,
    /// Body of its `serde(…)` attribute, or empty.
    pub serde: String,
    /// Its type as tokens, for example `Option < Vec < X > >`.
    pub ty: Vec<String>,
}

/// The types of one kind.
pub struct RawKind {
    /// Kubernetes kind.
    pub kind: String,
    /// Types by Rust name.
    pub types: BTreeMap<String, RawType>,
    /// Name of the root spec.
    pub spec: String,
    /// Name of the root status, if the kind has one.
    pub status: Option<String>,
}

/// Generates and reads the types of `crd` (a file on disk) at `version`.
pub fn types(binary: &Path, crd: &Path, version: &str) -> Result<RawKind> {
    let mut kopium = command(binary, &["--api-version", version, "--filename"]);
    kopium.arg(crd).args(["--derive", "Default"]);
    let text = output(&mut kopium)?;
    parse(&text).with_context(|| format!("output of kopium for {}", crd.display()))
}

/// Reads the Rust that kopium prints.
pub fn parse(text: &str) -> Result<RawKind> {
    let mut types = BTreeMap::new();
    let mut root = None;
    for item in syn::parse_file(text)?.items {
        let parsed = match item {
            Item::Struct(item) => {
                let Fields::Named(fields) = item.fields else {
                    bail!("{} has unnamed fields", item.ident);
                };
                let fields = fields
                    .named
                    .into_iter()
                    .map(|field| {
                        let name = field.ident.context("field without a name")?.to_string();
                        let serde = attribute_bodies(&field.attrs, "serde").join(", ");
                        let json =
                            serde_rename(&serde).unwrap_or_else(|| name.trim_start_matches("r#").to_owned());
                        let mut ty = Vec::new();
                        flatten(field.ty.into_token_stream(), &mut ty);
                        Ok(RawField {
                            name,
                            json,
                            serde,
                            ty,
                        })
                    })
                    .collect::<Result<_>>()?;
                RawType {
                    name: item.ident.to_string(),
                    kube: attribute_bodies(&item.attrs, "kube"),
                    shape: Shape::Struct(fields),
                }
            }
            Item::Enum(item) => {
                let variants = item
                    .variants
                    .iter()
                    .map(|variant| {
                        if !variant.fields.is_empty() {
                            bail!("{}::{} carries data", item.ident, variant.ident);
                        }
                        let name = variant.ident.to_string();
                        let serde = attribute_bodies(&variant.attrs, "serde").join(", ");
                        let json = serde_rename(&serde).unwrap_or_else(|| name.clone());
                        Ok((name, json))
                    })
                    .collect::<Result<_>>()?;
                RawType {
                    name: item.ident.to_string(),
                    kube: Vec::new(),
                    shape: Shape::Enum(variants),
                }
            }
            Item::Mod(_) | Item::Use(_) => continue,
            other => bail!("unexpected item: {}", other.into_token_stream()),
        };
        if !parsed.kube.is_empty() {
            root = Some((parsed.name.clone(), parsed.kube.join(", ")));
        }
        types.insert(parsed.name.clone(), parsed);
    }
    let (spec, kube) = root.context("no root type")?;
    let kind = quoted(&kube, "kind").context("root type without a kind")?;
    let status = quoted(&kube, "status");
    Ok(RawKind {
        kind,
        types,
        spec,
        status,
    })
}

fn attribute_bodies(attributes: &[Attribute], name: &str) -> Vec<String> {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident(name))
        .filter_map(|attribute| match &attribute.meta {
            syn::Meta::List(list) => Some(list.tokens.to_string()),
            _ => None,
        })
        .collect()
}

fn serde_rename(serde: &str) -> Option<String> {
    quoted(serde, "rename")
}

/// The string in `key = "string"` among comma-separated attribute arguments.
fn quoted(arguments: &str, key: &str) -> Option<String> {
    let compact: String = arguments.split(", ").find_map(|argument| {
        let (name, value) = argument.split_once('=')?;
        (name.trim() == key).then(|| value.trim().to_owned())
    })?;
    Some(compact.trim_matches('"').to_owned())
}

fn flatten(tokens: TokenStream, into: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => flatten(group.stream(), into),
            other => into.push(other.to_string()),
        }
    }
}
