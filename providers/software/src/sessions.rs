//! Keys of session tokens.
//!
//! A token is read by any proxy of its Gateway, also by one that started later, so the key must be the same for
//! all of them and outlive each. Proxies of other Gateways get other keys: a token says nothing there, and a proxy
//! that is taken over gives away no session but its own Gateway's.

use aws_lc_rs::hmac;
use gatewright_model::certificate::Secret;
use gatewright_model::key::ObjectName;

/// What the keys of all Gateways follow from. The same in every process of an installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSecret(Secret);

impl SessionSecret {
    /// Bytes of a secret.
    pub const LENGTH: usize = 32;

    /// Takes secret bytes; `None` for another length than [`SessionSecret::LENGTH`].
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == Self::LENGTH).then(|| Self(Secret::new(bytes)))
    }

    /// A new one; `None` when the system gives no randomness.
    pub fn generate() -> Option<Self> {
        let mut bytes = [0; Self::LENGTH];
        aws_lc_rs::rand::fill(&mut bytes).ok()?;
        Self::new(&bytes)
    }

    /// The bytes, to be kept where only controllers read.
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// The key of a Gateway: one that is made anew under the same name has another.
    pub fn key_of(&self, gateway: &ObjectName, uid: &str) -> Secret {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.expose());
        // No name holds a NUL.
        let text = format!("session\0{}\0{}\0{uid}", gateway.namespace, gateway.name);
        Secret::new(hmac::sign(&key, text.as_bytes()).as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_gateway_has_its_own_key_and_always_the_same() {
        let secret = SessionSecret::new(&[7; 32]).unwrap();
        let again = SessionSecret::new(secret.expose()).unwrap();
        let key = |secret: &SessionSecret, name: &str, uid: &str| {
            secret
                .key_of(&ObjectName::new("shop", name), uid)
                .expose()
                .to_vec()
        };
        assert_eq!(key(&secret, "edge", "1"), key(&again, "edge", "1"));
        assert_eq!(key(&secret, "edge", "1").len(), 32);
        let others = [
            key(&secret, "edge", "2"),
            key(&secret, "other", "1"),
            key(&SessionSecret::generate().unwrap(), "edge", "1"),
        ];
        for other in others {
            assert_ne!(key(&secret, "edge", "1"), other);
        }
        assert_ne!(SessionSecret::generate(), SessionSecret::generate());
        assert_eq!(SessionSecret::new(&[7; 31]), None);
        assert!(!format!("{secret:?}").contains('7'), "{secret:?}");
    }
}
