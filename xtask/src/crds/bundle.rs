//! Bundles: all CRDs of one release and channel, stripped of prose, as compressed JSON.

use super::source::Source;
use anyhow::{Context, Result, bail};
use flate2::{Compression, GzBuilder};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::io::{Read, Write};

/// The channels of a release, as its folders are named.
pub const CHANNELS: [&str; 2] = ["standard", "experimental"];

/// Annotations of a CRD that identify its bundle.
const BUNDLE_ANNOTATIONS: [&str; 2] = [
    "gateway.networking.k8s.io/bundle-version",
    "gateway.networking.k8s.io/channel",
];

/// The annotation without which an API server refuses a CRD of a `k8s.io` group.
const APPROVAL_ANNOTATION: &str = "api-approved.kubernetes.io";

/// A CRD file of a release.
pub struct CrdFile<'a> {
    /// Path inside the module.
    pub path: &'a str,
    /// Text as published.
    pub text: &'a str,
    /// Parsed document.
    pub crd: Value,
}

/// The CRD files of a channel, sorted by path; files that hold something else are left out.
pub fn crd_files<'a>(source: &'a Source, channel: &str) -> Result<Vec<CrdFile<'a>>> {
    let folder = format!("config/crd/{channel}/");
    let mut found = Vec::new();
    for (path, text) in source.below("config/crd/", ".yaml") {
        if !path.starts_with(&folder) {
            continue;
        }
        for document in serde_yaml_ng::Deserializer::from_str(text) {
            let value =
                Value::deserialize(document).with_context(|| format!("{path} of {}", source.version))?;
            if text_at(&value, "/kind").is_ok_and(|kind| kind == "CustomResourceDefinition") {
                found.push(CrdFile {
                    path,
                    text,
                    crd: value,
                });
            }
        }
    }
    if found.is_empty() {
        bail!("{} has no CRD below {folder}", source.version);
    }
    Ok(found)
}

/// The string at a JSON pointer.
pub fn text_at<'a>(value: &'a Value, pointer: &str) -> Result<&'a str> {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .with_context(|| format!("no string at {pointer}"))
}

/// The text of a bundle: one CRD a line as JSON, without descriptions.
pub fn text(source: &Source, channel: &str) -> Result<String> {
    let mut text = String::new();
    for file in crd_files(source, channel)? {
        text.push_str(&serde_json::to_string(&slim(&file.crd)?)?);
        text.push('\n');
    }
    Ok(text)
}

/// The text of a channel's admission policies and their bindings, one a line as JSON: the release's own
/// guard of upgrades (`safe-upgrades.gateway.networking.k8s.io`), which its install file has beside the CRDs.
pub fn policies(source: &Source, channel: &str) -> Result<String> {
    const KINDS: [&str; 2] = ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"];
    let folder = format!("config/crd/{channel}/");
    let mut text = String::new();
    for (path, yaml) in source.below("config/crd/", ".yaml") {
        if !path.starts_with(&folder) {
            continue;
        }
        for document in serde_yaml_ng::Deserializer::from_str(yaml) {
            let value =
                Value::deserialize(document).with_context(|| format!("{path} of {}", source.version))?;
            if text_at(&value, "/kind").is_ok_and(|kind| KINDS.contains(&kind)) {
                text.push_str(&serde_json::to_string(&value)?);
                text.push('\n');
            }
        }
    }
    if text.lines().count() < KINDS.len() {
        bail!(
            "{} has no admission policy with a binding below {folder}",
            source.version
        );
    }
    Ok(text)
}

fn slim(crd: &Value) -> Result<Value> {
    let name = text_at(crd, "/metadata/name")?;
    let annotations: Map<String, Value> = BUNDLE_ANNOTATIONS
        .iter()
        .chain([&APPROVAL_ANNOTATION])
        .filter_map(|key| {
            let value = crd.pointer("/metadata/annotations")?.get(*key)?;
            Some(((*key).to_owned(), value.clone()))
        })
        .collect();
    if !BUNDLE_ANNOTATIONS
        .iter()
        .all(|key| annotations.contains_key(*key))
    {
        bail!("CRD {name} has no bundle-version or channel annotation");
    }
    let mut spec = crd.get("spec").context("CRD without a spec")?.clone();
    for version in spec
        .get_mut("versions")
        .and_then(Value::as_array_mut)
        .context("CRD without versions")?
    {
        if let Some(version) = version.as_object_mut() {
            version.shift_remove("additionalPrinterColumns");
            if let Some(schema) = version
                .get_mut("schema")
                .and_then(|schema| schema.get_mut("openAPIV3Schema"))
            {
                strip_descriptions(schema);
            }
        }
    }
    Ok(json!({
        "apiVersion": text_at(crd, "/apiVersion")?,
        "kind": text_at(crd, "/kind")?,
        "metadata": {"name": name, "annotations": annotations},
        "spec": spec,
    }))
}

/// Removes the `description` keyword of a schema and of all schemas in it. Properties *named*
/// `description` stay.
pub fn strip_descriptions(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else {
        return;
    };
    schema.shift_remove("description");
    for (keyword, value) in schema.iter_mut() {
        match keyword.as_str() {
            "properties" | "patternProperties" | "definitions" => {
                if let Some(named) = value.as_object_mut() {
                    named.values_mut().for_each(strip_descriptions);
                }
            }
            "items" | "additionalProperties" | "not" => strip_descriptions(value),
            "allOf" | "anyOf" | "oneOf" => {
                if let Some(list) = value.as_array_mut() {
                    list.iter_mut().for_each(strip_descriptions);
                }
            }
            _ => {}
        }
    }
}

/// Compresses; the header carries no time or name, so equal texts give equal bytes.
pub fn compress(text: &str) -> Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes())?;
    Ok(encoder.finish()?)
}

/// Undoes [`compress`].
pub fn decompress(bytes: &[u8]) -> Result<String> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes).read_to_string(&mut text)?;
    Ok(text)
}
