//! How the maps of a load balancer are written: by key for people, as a list for programs.

use crate::backend::Backend;
use crate::certificate::Certificate;
use crate::key::{BackendKey, CertificateKey, ListenerKey, RouteKey};
use crate::listener::Listener;
use crate::route::{HttpRoute, StreamRoute};
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::sync::Arc;

/// A part of a load balancer that can change on its own, under a key that it tells itself.
pub trait Part {
    /// Type of the key.
    type Key: Ord + Clone + Display;

    /// Its key.
    fn key(&self) -> &Self::Key;
}

macro_rules! parts {
    ($($part:ty => $key:ty),+ $(,)?) => {$(
        impl Part for $part {
            type Key = $key;

            fn key(&self) -> &$key {
                &self.key
            }
        }
    )+};
}

parts! {
    Listener => ListenerKey,
    HttpRoute => RouteKey,
    StreamRoute => RouteKey,
    Backend => BackendKey,
    Certificate => CertificateKey,
}

/// Writes a map: keys as people read them, or the parts alone, which hold their keys.
pub(crate) fn serialize<P, S>(map: &BTreeMap<P::Key, Arc<P>>, serializer: S) -> Result<S::Ok, S::Error>
where
    P: Part + Serialize,
    S: Serializer,
{
    if serializer.is_human_readable() {
        serializer.collect_map(map.iter().map(|(key, part)| (key.to_string(), &**part)))
    } else {
        serializer.collect_seq(map.values().map(|part| &**part))
    }
}

/// Reads either form. The keys of the parts count.
pub(crate) fn deserialize<'de, P, D>(deserializer: D) -> Result<BTreeMap<P::Key, Arc<P>>, D::Error>
where
    P: Part + Deserialize<'de>,
    D: Deserializer<'de>,
{
    if deserializer.is_human_readable() {
        deserializer.deserialize_map(Read(PhantomData))
    } else {
        deserializer.deserialize_seq(Read(PhantomData))
    }
}

struct Read<P>(PhantomData<P>);

impl<'de, P: Part + Deserialize<'de>> Visitor<'de> for Read<P> {
    type Value = BTreeMap<P::Key, Arc<P>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the parts of a load balancer")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some(part) = list.next_element::<P>()? {
            map.insert(part.key().clone(), Arc::new(part));
        }
        Ok(map)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((IgnoredAny, part)) = entries.next_entry::<IgnoredAny, P>()? {
            map.insert(part.key().clone(), Arc::new(part));
        }
        Ok(map)
    }
}
