//! The CRDs of each supported Gateway API release and channel.
//!
//! The data is embedded, compressed, without descriptions; everything that decides a verdict
//! (schemas, defaults, CEL rules with their messages) is as published.

#[cfg(test)]
mod tests;

use flate2::read::GzDecoder;
use serde::Deserialize;
use std::fmt;
use std::io::Read;
use std::str::FromStr;
use std::sync::OnceLock;

use crate::kinds::Scope;

/// A supported release of the Gateway API. Its name is the `bundle-version` annotation of its CRDs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Bundle {
    /// Release v1.6.3.
    V1_6_3,
    /// Release v1.7.0.
    #[default]
    V1_7_0,
}

impl Bundle {
    /// All releases, oldest first.
    pub const ALL: &[Self] = &[Self::V1_6_3, Self::V1_7_0];

    /// The release's name, with `v`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1_6_3 => "v1.6.3",
            Self::V1_7_0 => "v1.7.0",
        }
    }
}

impl fmt::Display for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no supported release or channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not a Gateway API {what}; accepted: {accepted}")]
pub struct UnknownName {
    /// `bundle` or `channel`.
    pub what: &'static str,
    /// What was given.
    pub found: String,
    /// Accepted names.
    pub accepted: &'static str,
}

impl FromStr for Bundle {
    type Err = UnknownName;

    /// Accepts the name with or without its `v`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bare = text.strip_prefix('v').unwrap_or(text);
        Self::ALL
            .iter()
            .find(|bundle| bundle.as_str().strip_prefix('v') == Some(bare))
            .copied()
            .ok_or_else(|| UnknownName {
                what: "bundle",
                found: text.to_owned(),
                accepted: "v1.6.3, v1.7.0",
            })
    }
}

/// A channel of a release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// Stable fields only.
    Standard,
    /// Everything, stable and experimental.
    #[default]
    Experimental,
}

impl Channel {
    /// All channels.
    pub const ALL: &[Self] = &[Self::Standard, Self::Experimental];

    /// The channel's name, as in the `channel` annotation of its CRDs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Experimental => "experimental",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Channel {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .find(|channel| channel.as_str() == text)
            .copied()
            .ok_or_else(|| UnknownName {
                what: "channel",
                found: text.to_owned(),
                accepted: "standard, experimental",
            })
    }
}

/// One CRD of a bundle.
#[derive(Clone, Debug)]
pub struct CrdText {
    /// API group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Resource name.
    pub plural: String,
    /// Namespaced or cluster-wide.
    pub scope: Scope,
    /// Versions, in the CRD's order.
    pub versions: Vec<CrdVersion>,
    /// The whole `CustomResourceDefinition` as compact JSON.
    pub json: String,
}

/// A version of a CRD.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct CrdVersion {
    /// Its name, for example `v1beta1`.
    pub name: String,
    /// Whether the API server answers for it.
    pub served: bool,
    /// Whether objects are stored in it.
    pub storage: bool,
    /// Whether the API server warns about its use.
    #[serde(default)]
    pub deprecated: bool,
    /// The API server's own words for that warning, where the CRD gives some.
    #[serde(default, rename = "deprecationWarning")]
    pub deprecation_warning: Option<String>,
}

impl CrdText {
    /// Names of the served versions, in the CRD's order.
    pub fn served(&self) -> impl Iterator<Item = &str> {
        self.versions
            .iter()
            .filter(|version| version.served)
            .map(|version| version.name.as_str())
    }
}

/// The CRDs of a release and channel, sorted by group and kind. The first call for a pair unpacks
/// it (about a millisecond), later ones only borrow.
pub fn crds(bundle: Bundle, channel: Channel) -> &'static [CrdText] {
    static UNPACKED: [OnceLock<Vec<CrdText>>; 4] = [const { OnceLock::new() }; 4];
    let [old_standard, old_experimental, standard, experimental] = &UNPACKED;
    let (cell, packed): (_, &[u8]) = match (bundle, channel) {
        (Bundle::V1_6_3, Channel::Standard) => (
            old_standard,
            include_bytes!("../../bundles/v1.6.3-standard.jsonl.gz"),
        ),
        (Bundle::V1_6_3, Channel::Experimental) => (
            old_experimental,
            include_bytes!("../../bundles/v1.6.3-experimental.jsonl.gz"),
        ),
        (Bundle::V1_7_0, Channel::Standard) => {
            (standard, include_bytes!("../../bundles/v1.7.0-standard.jsonl.gz"))
        }
        (Bundle::V1_7_0, Channel::Experimental) => (
            experimental,
            include_bytes!("../../bundles/v1.7.0-experimental.jsonl.gz"),
        ),
    };
    // The data is part of the program and a test unpacks all of it: it cannot be damaged here.
    cell.get_or_init(|| unpack(packed).unwrap_or_default())
}

/// Our own CRDs, which belong to no release.
pub fn own_crds() -> &'static [CrdText] {
    crate::own::crds()
}

/// The CRD of a kind, if the release has it in that channel.
pub fn crd(bundle: Bundle, channel: Channel, group: &str, kind: &str) -> Option<&'static CrdText> {
    crds(bundle, channel)
        .iter()
        .find(|crd| crd.group == group && crd.kind == kind)
}

/// The parts of a CRD that [`CrdText`] shows.
#[derive(Deserialize)]
struct Head {
    spec: HeadSpec,
}

#[derive(Deserialize)]
struct HeadSpec {
    group: String,
    names: HeadNames,
    scope: Scope,
    versions: Vec<CrdVersion>,
}

#[derive(Deserialize)]
struct HeadNames {
    kind: String,
    plural: String,
}

fn unpack(packed: &[u8]) -> Result<Vec<CrdText>, std::io::Error> {
    let mut text = String::new();
    GzDecoder::new(packed).read_to_string(&mut text)?;
    let mut crds = text
        .lines()
        .map(|line| {
            let Head { spec } = serde_json::from_str(line)?;
            Ok(CrdText {
                group: spec.group,
                kind: spec.names.kind,
                plural: spec.names.plural,
                scope: spec.scope,
                versions: spec.versions,
                json: line.to_owned(),
            })
        })
        .collect::<Result<Vec<_>, serde_json::Error>>()?;
    crds.sort_by(|a, b| (&a.group, &a.kind).cmp(&(&b.group, &b.kind)));
    Ok(crds)
}
