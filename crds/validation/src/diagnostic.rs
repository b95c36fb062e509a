//! What was found wrong with a manifest: one value per finding, fit for a terminal and for JSON.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The object (or document) is refused.
    Error,
    /// The object is taken, but something in it has no effect or looks wrong.
    Warning,
}

/// The kind of finding. The text form (`kebab-case`) is stable: scripts may match on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Code {
    /// The file is larger than [`crate::Limits::file_bytes`].
    FileTooLarge,
    /// One document is larger than [`crate::Limits::document_bytes`].
    DocumentTooLarge,
    /// The file holds more documents than [`crate::Limits::documents`].
    TooManyDocuments,
    /// The document holds more values, aliases expanded, than [`crate::Limits::nodes`] or
    /// [`crate::Limits::expanded_bytes`] allow.
    TooManyNodes,
    /// The document is nested deeper than [`crate::Limits::depth`].
    TooDeep,
    /// More findings than [`crate::Limits::diagnostics`]; the rest is not shown.
    TooManyDiagnostics,
    /// Bytes that are not UTF-8.
    InvalidUtf8,
    /// Not well-formed YAML, or YAML that has no JSON equivalent.
    MalformedYaml,
    /// Not well-formed JSON.
    MalformedJson,
    /// The same key twice in one mapping.
    DuplicateKey,
    /// The document is not a mapping.
    NotAnObject,
    /// `apiVersion` or `kind` is missing or malformed.
    MissingTypeMeta,
    /// A kind of one of our API groups that does not exist.
    UnknownKind,
    /// An API group that looks like a misspelled group of ours.
    SuspiciousGroup,
    /// The kind exists, but not in the selected bundle and channel.
    NotInBundle,
    /// The kind exists, but not (or no longer) in that version.
    VersionNotServed,
    /// The object could not be brought to the version that is served.
    ConversionFailed,
    /// A version that is served but deprecated.
    DeprecatedVersion,
    /// An object in the shape of an older release, which was converted.
    OlderRelease,
    /// A schema of the bundle cannot be used: a defect of the program.
    Internal,
    /// A field that the schema does not know.
    UnknownField,
    /// A field that must be there is not.
    Required,
    /// A value of another type than the schema's.
    InvalidType,
    /// A value outside the enumeration.
    UnsupportedValue,
    /// A string that does not match the pattern.
    PatternMismatch,
    /// A value that does not have the format.
    InvalidFormat,
    /// A number below the minimum.
    TooSmall,
    /// A number above the maximum.
    TooLarge,
    /// A string with too few characters.
    TooShort,
    /// A string with too many characters.
    TooLong,
    /// A list with too few items.
    TooFewItems,
    /// A list with too many items.
    TooManyItems,
    /// A map with too few entries.
    TooFewProperties,
    /// A map with too many entries.
    TooManyProperties,
    /// Two items of a list with the same key.
    DuplicateValue,
    /// None, or more than one, of several alternatives fits.
    NoAlternativeFits,
    /// `metadata.name` (or `generateName`, `namespace`) is not a valid name for the kind.
    InvalidName,
    /// A label or annotation that is not valid.
    InvalidLabel,
    /// Data that is not valid base64.
    InvalidBase64,
    /// A validation rule (CEL) of the CRD does not hold.
    RuleFailed,
    /// A validation rule (CEL) of the CRD could not be evaluated on this value.
    RuleError,
    /// A field that has no effect where it stands.
    Ignored,
    /// Any other value that is not accepted.
    InvalidValue,
}

impl Code {
    /// The stable text form, for example `unknown-field`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FileTooLarge => "file-too-large",
            Self::DocumentTooLarge => "document-too-large",
            Self::TooManyDocuments => "too-many-documents",
            Self::TooManyNodes => "too-many-nodes",
            Self::TooDeep => "too-deep",
            Self::TooManyDiagnostics => "too-many-diagnostics",
            Self::InvalidUtf8 => "invalid-utf8",
            Self::MalformedYaml => "malformed-yaml",
            Self::MalformedJson => "malformed-json",
            Self::DuplicateKey => "duplicate-key",
            Self::NotAnObject => "not-an-object",
            Self::MissingTypeMeta => "missing-type-meta",
            Self::UnknownKind => "unknown-kind",
            Self::SuspiciousGroup => "suspicious-group",
            Self::NotInBundle => "not-in-bundle",
            Self::VersionNotServed => "version-not-served",
            Self::ConversionFailed => "conversion-failed",
            Self::DeprecatedVersion => "deprecated-version",
            Self::OlderRelease => "older-release",
            Self::Internal => "internal",
            Self::UnknownField => "unknown-field",
            Self::Required => "required",
            Self::InvalidType => "invalid-type",
            Self::UnsupportedValue => "unsupported-value",
            Self::PatternMismatch => "pattern-mismatch",
            Self::InvalidFormat => "invalid-format",
            Self::TooSmall => "too-small",
            Self::TooLarge => "too-large",
            Self::TooShort => "too-short",
            Self::TooLong => "too-long",
            Self::TooFewItems => "too-few-items",
            Self::TooManyItems => "too-many-items",
            Self::TooFewProperties => "too-few-properties",
            Self::TooManyProperties => "too-many-properties",
            Self::DuplicateValue => "duplicate-value",
            Self::NoAlternativeFits => "no-alternative-fits",
            Self::InvalidName => "invalid-name",
            Self::InvalidLabel => "invalid-label",
            Self::InvalidBase64 => "invalid-base64",
            Self::RuleFailed => "rule-failed",
            Self::RuleError => "rule-error",
            Self::Ignored => "ignored",
            Self::InvalidValue => "invalid-value",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A place in a file. Both count from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

/// Which object a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ObjectRef {
    /// Kind as written.
    pub kind: String,
    /// Namespace, absent for cluster-scoped kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name, empty when the object has none.
    pub name: String,
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.name.is_empty() {
            "(no name)"
        } else {
            &self.name
        };
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{name}", self.kind),
            None => write!(f, "{} {name}", self.kind),
        }
    }
}

/// One finding.
///
/// `Display` gives one line such as
/// `error: shop.yaml:12:15: HTTPRoute default/shop: spec.rules[0].matches[0].path.type: Unsupported value: "Prefix":
/// supported values: "Exact", "PathPrefix", "RegularExpression" [unsupported-value]`.
/// Values of a Secret never appear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnostic {
    /// How much it weighs.
    pub severity: Severity,
    /// What kind of finding.
    pub code: Code,
    /// The file name given to the loader.
    pub file: Arc<str>,
    /// Where in the file, as far as known.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// The object, as far as known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectRef>,
    /// The field, in the API server's notation (`spec.rules[0].name`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The value found, as shortened JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// What is accepted instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
    /// The finding in words, close to the API server's.
    pub message: String,
}

impl Diagnostic {
    /// True for [`Severity::Error`].
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.severity {
            Severity::Error => "error: ",
            Severity::Warning => "warning: ",
        })?;
        f.write_str(&self.file)?;
        if let Some(Position { line, column }) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        f.write_str(": ")?;
        if let Some(object) = &self.object {
            write!(f, "{object}: ")?;
        }
        if let Some(field) = &self.field {
            write!(f, "{field}: ")?;
        }
        write!(f, "{} [{}]", self.message, self.code)
    }
}
