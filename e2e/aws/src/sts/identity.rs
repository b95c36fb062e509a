//! Access keys, session tokens and whom they stand for.

use crate::error::ApiError;
use crate::input::text;
use crate::service::Context;
use crate::state::Account;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The account of callers whose key does not tell one.
pub const DEFAULT_ACCOUNT: &str = "123456789012";

/// Whom a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its account, twelve digits.
    pub account: String,
    /// Its name in AWS's scheme.
    pub arn: String,
    /// Its unique identifier.
    pub user_id: String,
}

/// What a session token tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) access_key: String,
    pub(super) role: String,
    pub(super) name: String,
    /// In ms.
    pub(super) expires: u64,
}

/// The bits of a key's first six bytes that tell the account.
const ACCOUNT_BITS: u64 = 0x7fff_ffff_ff80;
/// Keys made since accounts are in them have this bit.
const NEW_KEY: u64 = 0x8000_0000_0000;
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The account that an access key tells: `AKIA` or `ASIA`, then base32 with the account in its first six bytes.
/// A key of twelve digits is the account itself, for the convenience of tests.
pub fn account_of(access_key: &str) -> Option<String> {
    if access_key.len() == 12 && access_key.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(access_key.to_owned());
    }
    let digits = access_key
        .strip_prefix("AKIA")
        .or_else(|| access_key.strip_prefix("ASIA"))
        .filter(|digits| digits.len() == 16)?;
    // Ten characters of five bits hold the 48 bits and two more.
    let mut bits = 0_u64;
    for byte in digits.bytes().take(10) {
        let value = BASE32.iter().position(|known| *known == byte)?;
        bits = (bits << 5) | u64::try_from(value).ok()?;
    }
    let first = bits >> 2;
    let account = (first & ACCOUNT_BITS) >> 7;
    (first & NEW_KEY != 0 && account < 1_000_000_000_000).then(|| format!("{account:012}"))
}

/// An access key of an account; the seed tells keys apart.
pub(super) fn access_key(prefix: &str, account: &str, seed: &str) -> String {
    let number = account.parse::<u64>().unwrap_or(0);
    let digest = Sha256::digest(seed);
    let mut bytes: u128 = u128::from(NEW_KEY | ((number << 7) & ACCOUNT_BITS));
    for byte in digest.iter().take(4) {
        bytes = (bytes << 8) | u128::from(*byte);
    }
    let mut key = prefix.to_owned();
    for index in (0..16).rev() {
        let five = usize::try_from((bytes >> (index * 5)) & 0x1f).unwrap_or(0);
        key.push(char::from(BASE32.get(five).copied().unwrap_or(b'A')));
    }
    key
}

fn seal(session: &str) -> String {
    STANDARD.encode(Sha256::digest(format!("the simulator's seal {session}")))
}

impl Session {
    /// The token that carries this session.
    pub(super) fn token(&self) -> String {
        let told = json!(self).to_string();
        STANDARD.encode(json!({"session": told, "seal": seal(&told)}).to_string())
    }

    fn read(token: &str) -> Option<Self> {
        let opened: Value = serde_json::from_slice(&STANDARD.decode(token).ok()?).ok()?;
        let told = text(&opened, "session")?;
        (text(&opened, "seal") == Some(seal(told).as_str()))
            .then(|| serde_json::from_str(told).ok())
            .flatten()
    }
}

/// The identifier of a role or user, which follows from its name.
pub(super) fn unique_id(prefix: &str, arn: &str) -> String {
    access_key(prefix, "0", arn)
}

/// The parts of a role's name: its partition, account and the role with its path.
pub(super) fn role_parts(arn: &str) -> Option<(&str, &str, &str)> {
    let mut parts = arn.splitn(6, ':');
    let (scheme, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let role = resource.strip_prefix("role/").filter(|role| !role.is_empty())?;
    let account_ok = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    (scheme == "arn" && service == "iam" && region.is_empty() && account_ok)
        .then_some((partition, account, role))
}

impl Identity {
    /// The user of an access key: one for each account.
    pub fn of_key(key: &str) -> Self {
        let account = account_of(key).unwrap_or_else(|| DEFAULT_ACCOUNT.to_owned());
        let arn = format!("arn:aws:iam::{account}:user/simulated");
        Self {
            user_id: unique_id("AIDA", &arn),
            account,
            arn,
        }
    }

    /// Whom a session of a role is.
    pub(super) fn of_session(role: &str, name: &str) -> Option<Self> {
        let (partition, account, path) = role_parts(role)?;
        // The path of a role is not in the names of its sessions.
        let short = path.rsplit('/').next()?;
        Some(Self {
            account: account.to_owned(),
            arn: format!("arn:{partition}:sts::{account}:assumed-role/{short}/{name}"),
            user_id: format!("{}:{name}", unique_id("AROA", role)),
        })
    }
}

/// Tells whom a request comes from, by its access key and session token; unsigned ones come from nobody in the
/// default account.
///
/// # Errors
///
/// Those that
/// [all services have in common](https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html) for
/// credentials that are expired or do not fit together.
pub fn authenticate(access_key: Option<&str>, token: Option<&str>, now: u64) -> Result<Identity, ApiError> {
    let invalid = || {
        ApiError::new(
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
        )
        .with_status(403)
    };
    let Some(key) = access_key else {
        return Ok(Identity {
            account: DEFAULT_ACCOUNT.to_owned(),
            arn: "anonymous".to_owned(),
            user_id: "anonymous".to_owned(),
        });
    };
    if let Some(token) = token.filter(|token| !token.is_empty()) {
        let session = Session::read(token)
            .filter(|session| session.access_key == key)
            .ok_or_else(invalid)?;
        if now >= session.expires {
            return Err(ApiError::new(
                "ExpiredToken",
                "The security token included in the request is expired",
            )
            .with_status(403));
        }
        return Identity::of_session(&session.role, &session.name).ok_or_else(invalid);
    }
    if key.starts_with("ASIA") {
        return Err(invalid());
    }
    Ok(Identity::of_key(key))
}

/// [GetCallerIdentity](https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html).
pub fn caller_identity(_: &mut Account, context: &Context, _: &Value) -> Result<Value, ApiError> {
    let identity = &context.identity;
    Ok(json!({"Account": identity.account, "Arn": identity.arn, "UserId": identity.user_id}))
}

/// [GetAccessKeyInfo](https://docs.aws.amazon.com/STS/latest/APIReference/API_GetAccessKeyInfo.html).
pub fn access_key_info(_: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let key = text(input, "AccessKeyId").unwrap_or_default();
    let account = account_of(key)
        .ok_or_else(|| ApiError::validation(format!("The access key {key} does not tell its account.")))?;
    Ok(json!({"Account": account}))
}
