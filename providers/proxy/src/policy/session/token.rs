//! Sealed session tokens.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Format of the sealed text, its first byte.
const VERSION: u8 = 1;
/// Session id, begin, last use, address family, port, address.
const PLAIN_LEN: usize = 8 + 8 + 8 + 1 + 2 + 16;
const TAG_LEN: usize = 16;
const SEALED_LEN: usize = 1 + NONCE_LEN + PLAIN_LEN + TAG_LEN;

/// What a session token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionToken {
    /// Random identity of the session: requests that find their endpoint gone agree on the next one
    /// by it.
    pub id: u64,
    /// The endpoint that serves the session.
    pub endpoint: SocketAddr,
    /// When the session began, seconds since the Unix epoch.
    pub created: u64,
    /// When it was last seen, in about these seconds.
    pub last_used: u64,
}

impl SessionToken {
    /// A session that begins now.
    pub fn new(endpoint: SocketAddr, now: u64) -> Self {
        Self {
            id: fastrand::u64(..),
            endpoint,
            created: now,
            last_used: now,
        }
    }

    fn encode(&self) -> [u8; PLAIN_LEN] {
        let mut plain = [0; PLAIN_LEN];
        let address = match self.endpoint.ip() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        let fields = self
            .id
            .to_be_bytes()
            .into_iter()
            .chain(self.created.to_be_bytes())
            .chain(self.last_used.to_be_bytes())
            .chain([u8::from(self.endpoint.is_ipv4())])
            .chain(self.endpoint.port().to_be_bytes())
            .chain(address.octets());
        for (to, from) in plain.iter_mut().zip(fields) {
            *to = from;
        }
        plain
    }

    fn decode(plain: &[u8]) -> Option<Self> {
        let (id, rest) = plain.split_first_chunk::<8>()?;
        let (created, rest) = rest.split_first_chunk::<8>()?;
        let (last_used, rest) = rest.split_first_chunk::<8>()?;
        let (v4, rest) = rest.split_first()?;
        let (port, rest) = rest.split_first_chunk::<2>()?;
        let address = IpAddr::from(<[u8; 16]>::try_from(rest).ok()?);
        let address = if *v4 == 1 { address.to_canonical() } else { address };
        Some(Self {
            id: u64::from_be_bytes(*id),
            endpoint: SocketAddr::new(address, u16::from_be_bytes(*port)),
            created: u64::from_be_bytes(*created),
            last_used: u64::from_be_bytes(*last_used),
        })
    }
}

/// The key that seals session tokens: random per process, or configured so that several replicas
/// understand each other's.
#[derive(Clone)]
pub struct SessionKey(Arc<LessSafeKey>);

impl SessionKey {
    /// The key for 32 secret bytes; `None` for another length.
    pub fn from_secret(secret: &[u8]) -> Option<Self> {
        let key = UnboundKey::new(&AES_256_GCM, secret).ok()?;
        Some(Self(Arc::new(LessSafeKey::new(key))))
    }

    /// A new random key: sessions end with the process.
    pub fn random() -> Self {
        let mut secret = [0u8; 32];
        // Without randomness from the system nothing secret can be made; the caller could do no
        // better than to go on without persistence, which an unknowable key amounts to.
        if aws_lc_rs::rand::fill(&mut secret).is_err() {
            tracing::error!("the system gives no randomness: session persistence is not protected");
        }
        match Self::from_secret(&secret) {
            Some(key) => key,
            None => unreachable!("the secret has the length of the key"),
        }
    }

    /// The text that stands for a token within a scope.
    pub fn seal(&self, token: &SessionToken, scope: &[u8]) -> String {
        let mut nonce = [0u8; NONCE_LEN];
        let mut plain = token.encode();
        let sealed = aws_lc_rs::rand::fill(&mut nonce).ok().and_then(|()| {
            self.0
                .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(scope), &mut plain)
                .ok()
        });
        let Some(tag) = sealed else {
            // No token: the session starts again with the next request.
            return String::new();
        };
        let mut bytes = Vec::with_capacity(SEALED_LEN);
        bytes.push(VERSION);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&plain);
        bytes.extend_from_slice(tag.as_ref());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The token behind a text, if this key sealed it within the scope.
    pub fn open(&self, text: &[u8], scope: &[u8]) -> Option<SessionToken> {
        let mut bytes = [0u8; SEALED_LEN];
        if text.len() != SEALED_LEN.div_ceil(3) * 4 - (3 - SEALED_LEN % 3) % 3 {
            return None;
        }
        let len = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        let (version, rest) = bytes.get_mut(..len)?.split_first_mut()?;
        if *version != VERSION {
            return None;
        }
        let (nonce, sealed) = rest.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = self.0.open_in_place(nonce, Aad::from(scope), sealed).ok()?;
        SessionToken::decode(plain)
    }
}

impl Default for SessionKey {
    fn default() -> Self {
        Self::random()
    }
}

impl fmt::Debug for SessionKey {
    /// Never the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(..)")
    }
}
