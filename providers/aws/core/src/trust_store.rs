//! Trust stores: the authorities that vouch for clients.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/mutual-authentication.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTrustStore.html>. A store is made of a
//! bundle that lies in S3. Other authorities make another store, so that a listener changes over at once, and the one
//! before goes when nobody uses it any more.

use gatewright_model::Str;
use serde::{Deserialize, Serialize};
use std::fmt;

/// In front of the keys of all bundles.
pub const FOLDER: &str = "gatewright";

/// Which trust store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TrustStoreId {
    /// One that is made of these authorities: a fingerprint of all of them.
    Made(Str),
    /// One that exists, by ARN.
    Arn(Str),
}

impl fmt::Display for TrustStoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Made(fingerprint) => write!(f, "trust-store/{fingerprint}"),
            Self::Arn(arn) => f.write_str(arn),
        }
    }
}

/// A trust store that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustStore {
    /// `Name`: at most 32 letters, digits and hyphens, unique in the account and region.
    pub name: Str,
    /// Where its bundle lies while it is made.
    pub place: Place,
    /// The authorities, PEM.
    pub bundle: Str,
}

/// An object in S3.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Bucket.
    pub bucket: Str,
    /// Key.
    pub key: Str,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.bucket, self.key)
    }
}

impl Place {
    /// What [`Display`](fmt::Display) wrote. A bucket's name has no slash
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>).
    pub fn parse(text: &str) -> Option<Self> {
        let (bucket, key) = text.split_once('/')?;
        let sound = !bucket.is_empty() && key.starts_with(FOLDER);
        sound.then(|| Self {
            bucket: bucket.into(),
            key: key.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_were_written() {
        let place = Place {
            bucket: "b".into(),
            key: "gatewright/a/b.pem".into(),
        };
        assert_eq!(Place::parse(&place.to_string()), Some(place));
        for other in ["", "b", "/gatewright/x", "b/others/x"] {
            assert_eq!(Place::parse(other), None, "{other}");
        }
    }
}
