//! Which kinds and versions are served, as the CRDs themselves say.

use super::error::{ConvertError, ServedError};
use crate::bundle::{Bundle, Channel, CrdText, crds};
use crate::kinds::{self, EXPERIMENTAL_GROUP, GROUP, KINDS, KindInfo};
use crate::own;
use serde_json::Value;
use std::fmt;

/// What an object says it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gvk {
    /// API group; empty for the core group.
    pub group: String,
    /// Version.
    pub version: String,
    /// Kind.
    pub kind: String,
}

impl Gvk {
    /// Reads `apiVersion` and `kind`.
    ///
    /// # Errors
    ///
    /// [`ConvertError::NoType`] if one of them is missing.
    pub fn of(value: &Value) -> Result<Self, ConvertError> {
        let text = |field: &'static str| {
            value
                .get(field)
                .and_then(Value::as_str)
                .ok_or(ConvertError::NoType { field })
        };
        let api_version = text("apiVersion")?;
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        Ok(Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: text("kind")?.to_owned(),
        })
    }
}

impl fmt::Display for Gvk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() {
            write!(f, "{} {}", self.version, self.kind)
        } else {
            write!(f, "{}/{} {}", self.group, self.version, self.kind)
        }
    }
}

/// The group of the very first releases (v1alpha1), long gone.
const FIRST_GROUP: &str = "networking.x-k8s.io";

/// Kinds that were renamed or moved: old group, old kind, present kind.
const RENAMED: &[(&str, &str, &str)] = &[
    (EXPERIMENTAL_GROUP, "XListenerSet", "ListenerSet"),
    (GROUP, "ReferencePolicy", "ReferenceGrant"),
    (GROUP, "BackendLBPolicy", "XBackendTrafficPolicy"),
    (FIRST_GROUP, "GatewayClass", "GatewayClass"),
    (FIRST_GROUP, "Gateway", "Gateway"),
    (FIRST_GROUP, "HTTPRoute", "HTTPRoute"),
    (FIRST_GROUP, "TLSRoute", "TLSRoute"),
    (FIRST_GROUP, "TCPRoute", "TCPRoute"),
    (FIRST_GROUP, "UDPRoute", "UDPRoute"),
    (FIRST_GROUP, "BackendPolicy", "BackendTLSPolicy"),
];

/// Checks that a release serves this kind in this version; our own kinds go with every release. `None`
/// for groups that are neither the Gateway API's nor ours.
///
/// # Errors
///
/// [`ServedError`], which names what is served instead.
pub fn check_served(
    gvk: &Gvk,
    bundle: Bundle,
    channel: Channel,
) -> Result<Option<&'static KindInfo>, Box<ServedError>> {
    find(gvk, Some((bundle, channel)))
}

/// Like [`check_served`], for all supported releases and channels together.
///
/// # Errors
///
/// [`ServedError`], which names what is served instead.
pub fn served_anywhere(gvk: &Gvk) -> Result<Option<&'static KindInfo>, Box<ServedError>> {
    find(gvk, None)
}

fn find(gvk: &Gvk, place: Option<(Bundle, Channel)>) -> Result<Option<&'static KindInfo>, Box<ServedError>> {
    if !ours(&gvk.group) {
        return match instead(gvk) {
            Some(_) => Err(refused(gvk, place)),
            None => Ok(None),
        };
    }
    let served = places(place).any(|(bundle, channel)| serves(gvk, bundle, channel));
    match kinds::find(&gvk.group, &gvk.kind) {
        Some(kind) if served => Ok(Some(kind)),
        _ => Err(refused(gvk, place)),
    }
}

fn ours(group: &str) -> bool {
    [GROUP, EXPERIMENTAL_GROUP, own::GROUP].contains(&group)
}

/// The CRD of a kind: of the release, or our own, which every release goes with.
pub(super) fn crd(bundle: Bundle, channel: Channel, gvk: &Gvk) -> Option<&'static CrdText> {
    crds(bundle, channel)
        .iter()
        .chain(own::crds())
        .find(|crd| crd.group == gvk.group && crd.kind == gvk.kind)
}

fn places(place: Option<(Bundle, Channel)>) -> impl Iterator<Item = (Bundle, Channel)> {
    Bundle::ALL
        .iter()
        .flat_map(|bundle| Channel::ALL.iter().map(|channel| (*bundle, *channel)))
        .filter(move |here| place.is_none_or(|wanted| wanted == *here))
}

fn serves(gvk: &Gvk, bundle: Bundle, channel: Channel) -> bool {
    crd(bundle, channel, gvk).is_some_and(|crd| crd.served().any(|version| version == gvk.version))
}

fn refused(gvk: &Gvk, place: Option<(Bundle, Channel)>) -> Box<ServedError> {
    let mut served: Vec<String> = Vec::new();
    for (bundle, channel) in places(place) {
        let versions = crd(bundle, channel, gvk).into_iter();
        for version in versions.flat_map(CrdText::served) {
            if !served.iter().any(|known| known == version) {
                served.push(version.to_owned());
            }
        }
    }
    Box::new(ServedError {
        gvk: gvk.clone(),
        place,
        served,
        instead: instead(gvk).map(|kind| format!("{} {}", kind.api_version(), kind.kind)),
        elsewhere: places(None)
            .filter(|(bundle, channel)| serves(gvk, *bundle, *channel))
            .collect(),
    })
}

/// The kind that was probably meant.
fn instead(gvk: &Gvk) -> Option<&'static KindInfo> {
    let by_kind = |name: &str| KINDS.iter().find(|info| info.kind == name);
    if let Some((_, _, now)) = RENAMED
        .iter()
        .find(|(group, kind, _)| *group == gvk.group && *kind == gvk.kind)
    {
        return by_kind(now);
    }
    KINDS
        .iter()
        .chain(own::KINDS)
        .find(|info| ours(&gvk.group) && info.kind.eq_ignore_ascii_case(&gvk.kind))
        .filter(|info| info.group != gvk.group || info.kind != gvk.kind)
}

/// Everything that is served: release, channel, kind, versions. Derived from the CRDs.
pub fn table() -> impl Iterator<Item = (Bundle, Channel, &'static str, Vec<&'static str>)> {
    places(None).flat_map(|(bundle, channel)| {
        crds(bundle, channel)
            .iter()
            .map(move |crd| (bundle, channel, crd.kind.as_str(), crd.served().collect()))
    })
}
