//! From files to objects that can be relied on.

mod object;
mod session;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use gatewright_crds::bundle::{Bundle, Channel};
use serde_json::Value;

use self::session::Session;
use crate::catalog::Catalog;
use crate::diagnostic::{Diagnostic, Position};
use crate::load::{self, Limits, Read};

/// What unknown fields and duplicate keys count as (`fieldValidation` of the API server).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They are errors.
    Strict,
    /// They are warnings: unknown fields are dropped, and the last of two equal keys counts. Also, an object that has
    /// the shape of the Gateway API release before is taken and converted, with a warning.
    Lenient,
}

/// What becomes of the `status` of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    /// As on creation: the API server does not look at it, so what is wrong with it is a warning, and it is dropped.
    Tolerated,
    /// As on an update of the status subresource: it is checked like everything else.
    Checked,
}

/// Group, version and kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gvk {
    /// API group, empty for the core group.
    pub group: String,
    /// Version.
    pub version: String,
    /// Kind.
    pub kind: String,
}

/// Where an object was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file name given to [`Validator::load`].
    pub file: Arc<str>,
    /// Where the object starts in it; for an item of a List, where the List starts.
    pub position: Position,
}

/// An object that passed every check.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadedObject {
    /// Group, version and kind of `value`.
    pub gvk: Gvk,
    /// The version it was written in, which may differ from the version of `value`.
    pub written_version: String,
    /// Namespace, `None` for cluster-scoped kinds. Namespaced objects without one are in `default`.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// The object with defaults applied and unknown fields removed, in the version of `gvk`. The `stringData` of a
    /// Secret is folded into `data`.
    pub value: Value,
    /// Where it was read.
    pub source: Source,
}

/// What one file held.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// The objects that passed, in the order of the file.
    pub objects: Vec<LoadedObject>,
    /// Everything that was found, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
    /// Objects of kinds that are not looked at, counted by `Kind.group`.
    pub skipped: BTreeMap<String, usize>,
}

impl Loaded {
    /// True when something was refused.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// Checks manifests as an API server with the CRDs of one Gateway API bundle and channel would.
///
/// Schemas and rules are compiled when first used and kept: make one validator and share it by reference.
#[derive(Debug)]
pub struct Validator {
    catalog: Catalog,
    /// The kinds of the release before, for objects in an older shape.
    older: OnceLock<Catalog>,
    /// The kinds of the newest release with everything, whose shape converted objects have.
    present: OnceLock<Catalog>,
    bundle: Bundle,
    channel: Channel,
    mode: Mode,
    status: Status,
    limits: Limits,
}

impl Default for Validator {
    /// The newest bundle, experimental channel, strict.
    fn default() -> Self {
        Self::new(Bundle::default(), Channel::default(), Mode::Strict)
    }
}

impl Validator {
    /// A validator with the verdicts of `bundle` and `channel`.
    pub fn new(bundle: Bundle, channel: Channel, mode: Mode) -> Self {
        Self {
            catalog: Catalog::new(bundle, channel),
            older: OnceLock::new(),
            present: OnceLock::new(),
            bundle,
            channel,
            mode,
            status: Status::Tolerated,
            limits: Limits::default(),
        }
    }

    /// The same with other bounds on what is read.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same, but a `status` must be valid, as in an update of the status subresource.
    #[must_use]
    pub fn checking_status(mut self) -> Self {
        self.status = Status::Checked;
        self
    }

    /// The bundle whose verdicts are given.
    pub fn bundle(&self) -> Bundle {
        self.bundle
    }

    /// The channel whose verdicts are given.
    pub fn channel(&self) -> Channel {
        self.channel
    }

    /// The bounds on what is read.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Reads, checks, defaults and converts every object of a file, YAML or JSON. Never fails as a whole: what is
    /// wrong is in the diagnostics, and the objects without errors are returned.
    pub fn load(&self, file_name: &str, bytes: &[u8]) -> Loaded {
        let mut objects = Vec::new();
        let loaded = self.load_each(file_name, bytes, &mut |object| objects.push(object));
        Loaded { objects, ..loaded }
    }

    /// As [`Validator::load`], but hands over each object as soon as it passed, so that the JSON of a large file
    /// never piles up. The result has no objects.
    pub fn load_each(&self, file_name: &str, bytes: &[u8], sink: &mut dyn FnMut(LoadedObject)) -> Loaded {
        let mut session = Session::new(self, file_name, sink);
        load::read(bytes, &self.limits, &mut |piece| match piece {
            Read::Found(finding) => session.text(finding),
            Read::Document(document) => session.document(document),
        });
        session.finish()
    }

    fn older(&self) -> &Catalog {
        self.older
            .get_or_init(|| Catalog::new(Bundle::V1_6_3, self.channel))
    }

    fn present(&self) -> &Catalog {
        if (self.bundle, self.channel) == (Bundle::V1_7_0, Channel::Experimental) {
            return &self.catalog;
        }
        self.present
            .get_or_init(|| Catalog::new(Bundle::V1_7_0, Channel::Experimental))
    }

    #[cfg(test)]
    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }
}
