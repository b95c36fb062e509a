//! Secrets of access keys.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Access keys that exist, with their secrets. While there are none, any key with any secret is taken, but for keys of
/// sessions, whose secrets the simulator gave out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Keys(BTreeMap<String, String>);

/// The secret of an access key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// Any will do.
    Any,
    /// This one.
    Is(String),
    /// The key does not exist.
    Unknown,
}

impl Keys {
    /// Keys with their secrets.
    pub const fn new(secrets: BTreeMap<String, String>) -> Self {
        Self(secrets)
    }

    /// The secret of a key.
    pub fn secret(&self, access_key: &str) -> Secret {
        if access_key.starts_with("ASIA") {
            return Secret::Is(session_secret(access_key));
        }
        if self.0.is_empty() {
            return Secret::Any;
        }
        match self.0.get(access_key) {
            Some(secret) => Secret::Is(secret.clone()),
            None => Secret::Unknown,
        }
    }
}

/// The secret of a session's key, which follows from the key: the simulator keeps no sessions.
pub(super) fn session_secret(access_key: &str) -> String {
    let mut secret = STANDARD.encode(Sha256::digest(format!("the simulator's secret of {access_key}")));
    secret.truncate(40);
    secret
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_secret_does_until_keys_are_set() {
        let open = Keys::default();
        assert_eq!(open.secret("AKIDEXAMPLE"), Secret::Any);
        let closed = Keys::new(BTreeMap::from([("AKIDEXAMPLE".to_owned(), "s".to_owned())]));
        assert_eq!(closed.secret("AKIDEXAMPLE"), Secret::Is("s".to_owned()));
        assert_eq!(closed.secret("AKIAOTHER"), Secret::Unknown);
    }

    #[test]
    fn sessions_have_the_secret_that_was_given_out() {
        for keys in [
            Keys::default(),
            Keys::new(BTreeMap::from([("A".to_owned(), "s".to_owned())])),
        ] {
            let Secret::Is(secret) = keys.secret("ASIAX") else {
                panic!("no secret");
            };
            assert_eq!(secret.len(), 40);
        }
    }
}
