//! Kubernetes' `format` library.

use crate::names;
use crate::schema::format;

/// A named format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NamedFormat {
    Dns1123Label,
    Dns1123Subdomain,
    Dns1035Label,
    QualifiedName,
    LabelValue,
    Uuid,
    Byte,
    Date,
    DateTime,
}

impl NamedFormat {
    /// The format called `name` in `format.named(name)`.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "dns1123Label" => Self::Dns1123Label,
            "dns1123Subdomain" => Self::Dns1123Subdomain,
            "dns1035Label" => Self::Dns1035Label,
            "qualifiedName" => Self::QualifiedName,
            "labelValue" => Self::LabelValue,
            "uuid" => Self::Uuid,
            "byte" => Self::Byte,
            "date" => Self::Date,
            "datetime" => Self::DateTime,
            _ => return None,
        })
    }

    /// What is wrong with `text`; empty when it has the format.
    pub(super) fn problems(self, text: &str) -> Vec<String> {
        let checked = |name: &str, message: &str| {
            if format::string_has_format(text, name) {
                Vec::new()
            } else {
                vec![message.to_owned()]
            }
        };
        match self {
            Self::Dns1123Label => names::dns1123_label(text),
            Self::Dns1123Subdomain => names::dns1123_subdomain(text),
            Self::Dns1035Label => names::dns1035_label(text),
            Self::QualifiedName => names::qualified_name(text),
            Self::LabelValue => names::label_value(text),
            Self::Uuid => checked("uuid", "does not match the UUID format"),
            Self::Byte => checked("byte", "invalid base64"),
            Self::Date => checked("date", "invalid date"),
            Self::DateTime => checked("date-time", "invalid datetime"),
        }
    }
}
