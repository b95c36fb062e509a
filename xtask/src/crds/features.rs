//! Conformance features, read from `pkg/features`.

use super::emit::HEADER;
use super::source::Source;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The module `table`: the features of each release.
pub fn module(sources: &[Source]) -> Result<String> {
    let mut text = HEADER.to_owned();
    text.push_str("//! Conformance features of each release.\n\nuse super::Feature;\nuse crate::bundle::Channel::{Experimental, Standard};\n");
    for source in sources {
        let name = source.version.to_ascii_uppercase().replace('.', "_");
        writeln!(
            text,
            "\n/// Features of {}.\npub(super) const {name}: &[Feature] = &[",
            source.version
        )?;
        for (feature, (area, channel)) in read(source)? {
            writeln!(
                text,
                "Feature {{ name: \"{feature}\", area: \"{area}\", channel: {channel} }},"
            )?;
        }
        text.push_str("];\n");
    }
    Ok(text)
}

/// Features by name: area (the kind they belong to) and channel.
fn read(source: &Source) -> Result<BTreeMap<String, (String, &'static str)>> {
    let mut found = BTreeMap::new();
    for (path, text) in source.below("pkg/features/", ".go") {
        let values: BTreeMap<&str, &str> = text
            .lines()
            .filter_map(|line| {
                let (ty, value) = super::constants::constant(line)?;
                matches!(ty, "FeatureName" | "")
                    .then(|| (line.split_whitespace().next().unwrap_or(""), value))
            })
            .collect();
        let stem = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".go");
        let Some(area) = values.values().find(|value| value.eq_ignore_ascii_case(stem)) else {
            continue;
        };
        let mut name = None;
        for line in text.lines().map(str::trim) {
            if let Some(constant) = line.strip_prefix("Name:") {
                let constant = constant.trim().trim_end_matches(',');
                name = Some(
                    *values
                        .get(constant)
                        .with_context(|| format!("{path}: unknown constant {constant}"))?,
                );
            } else if let Some(channel) = line.strip_prefix("Channel:") {
                let channel = match channel.trim().trim_end_matches(',') {
                    "FeatureChannelStandard" => "Standard",
                    "FeatureChannelExperimental" => "Experimental",
                    other => bail!("{path}: unknown channel {other}"),
                };
                let name = name
                    .take()
                    .with_context(|| format!("{path}: channel without a name"))?;
                found.insert(name.to_owned(), ((*area).to_owned(), channel));
            }
        }
    }
    Ok(found)
}
