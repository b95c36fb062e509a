//! The certificate authority of the configuration stream, and how it is replaced.
//!
//! A new authority is trusted for a while before anything is signed with it, so that no proxy ever meets a
//! certificate that it cannot check: [`Authority::advance`].

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use std::collections::BTreeMap;
use thiserror::Error;

/// How long an authority is valid.
const LIFE: SignedDuration = SignedDuration::from_hours(24 * 365 * 2);

/// When its successor is made: after half of it.
const SUCCESSION: SignedDuration = SignedDuration::from_hours(24 * 365);

/// How long a successor is trusted before it signs: mounted bundles follow within minutes.
const NOTICE: SignedDuration = SignedDuration::from_hours(24);

/// How long a server's certificate is valid.
const SERVER_LIFE: SignedDuration = SignedDuration::from_hours(24 * 30);

/// How long a server's certificate is used before the next one is made.
const SERVER_RENEWAL: SignedDuration = SignedDuration::from_hours(24 * 10);

/// Clocks may differ by that much.
const SKEW: SignedDuration = SignedDuration::from_hours(1);

/// The authority cannot be used.
#[derive(Debug, Error)]
pub enum CaError {
    /// An entry of the Secret is missing or malformed; never holds its contents.
    #[error("Secret entry {0}: {1}")]
    Entry(&'static str, String),
    /// The library refused.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// A time beyond what certificates can say.
    #[error("the clock is out of range")]
    Clock,
}

/// A certificate with its private key, PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    /// Certificate.
    pub certificate: String,
    /// Private key.
    pub key: String,
    /// Since when it exists, RFC 3339.
    since: Timestamp,
}

/// The authority in use, and its successor.
#[derive(Clone, PartialEq, Eq)]
pub struct Authority {
    current: Pair,
    next: Option<Pair>,
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// When the library or the clock does not allow it.
    pub fn generate(now: Timestamp) -> Result<Self, CaError> {
        Ok(Self {
            current: generate(now)?,
            next: None,
        })
    }

    /// Reads the entries of the Secret.
    ///
    /// # Errors
    /// Names the entry that is missing or malformed.
    pub fn read(entries: &BTreeMap<String, Vec<u8>>) -> Result<Self, CaError> {
        let pair = |names: [&'static str; 3]| -> Result<Pair, CaError> {
            let [certificate, key, since] = names.map(|name| text(entries, name).map(|text| (name, text)));
            let (since_name, since) = since?;
            Ok(Pair {
                certificate: certificate?.1,
                key: key?.1,
                since: since
                    .parse()
                    .map_err(|error: jiff::Error| CaError::Entry(since_name, error.to_string()))?,
            })
        };
        Ok(Self {
            current: pair(["ca.crt", "ca.key", "since"])?,
            next: if entries.contains_key("next.crt") {
                Some(pair(["next.crt", "next.key", "next-since"])?)
            } else {
                None
            },
        })
    }

    /// The entries of the Secret.
    pub fn entries(&self) -> BTreeMap<String, Vec<u8>> {
        let mut entries = BTreeMap::new();
        let pairs = [
            (Some(&self.current), ["ca.crt", "ca.key", "since"]),
            (self.next.as_ref(), ["next.crt", "next.key", "next-since"]),
        ];
        for (pair, [certificate, key, since]) in pairs {
            if let Some(pair) = pair {
                entries.insert(certificate.to_owned(), pair.certificate.clone().into_bytes());
                entries.insert(key.to_owned(), pair.key.clone().into_bytes());
                entries.insert(since.to_owned(), pair.since.to_string().into_bytes());
            }
        }
        entries
    }

    /// The next step of its life, if one is due: a successor is made, or takes over. What a clock that was wrong
    /// has made, or left to expire, is replaced at once: nobody can check anything with it.
    ///
    /// # Errors
    /// When the library or the clock does not allow it.
    pub fn advance(&self, now: Timestamp) -> Result<Option<Self>, CaError> {
        let next = self.next.as_ref().filter(|next| next.is_valid(now));
        if !self.current.is_valid(now) {
            let current = next.map_or_else(|| generate(now), |next| Ok(next.clone()))?;
            return Ok(Some(Self { current, next: None }));
        }
        if self.next.is_some() && next.is_none() {
            return Ok(Some(Self {
                current: self.current.clone(),
                next: None,
            }));
        }
        match next {
            Some(next) if now.duration_since(next.since) >= NOTICE => Ok(Some(Self {
                current: next.clone(),
                next: None,
            })),
            None if now.duration_since(self.current.since) >= SUCCESSION => Ok(Some(Self {
                current: self.current.clone(),
                next: Some(generate(now)?),
            })),
            _ => Ok(None),
        }
    }

    /// Everything that proxies are to trust, PEM.
    pub fn bundle(&self) -> String {
        let next = self.next.as_ref().map_or("", |next| &next.certificate);
        format!("{}{next}", self.current.certificate)
    }

    /// Signs a server's certificate for DNS names: chain and key, PEM.
    ///
    /// # Errors
    /// When the library or the clock does not allow it.
    pub fn issue(&self, names: &[String], now: Timestamp) -> Result<(String, String), CaError> {
        let key = KeyPair::from_pem(&self.current.key)?;
        let issuer = Issuer::from_ca_cert_pem(&self.current.certificate, key)?;
        let server = KeyPair::generate()?;
        let mut params = CertificateParams::new(names.to_vec())?;
        validity(&mut params, now, SERVER_LIFE)?;
        params.distinguished_name = called("gatewright-controller");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&server, &issuer)?;
        Ok((certificate.pem(), server.serialize_pem()))
    }

    /// Whether a server's certificate that was made at `issued` is to be replaced: it is old, or the clock went back
    /// since, so that it may not be valid yet.
    pub fn must_renew(issued: Timestamp, now: Timestamp) -> bool {
        let age = now.duration_since(issued);
        age >= SERVER_RENEWAL || age < -SKEW
    }
}

impl Pair {
    /// Whether its certificate is valid.
    fn is_valid(&self, now: Timestamp) -> bool {
        span(self.since, LIFE)
            .is_ok_and(|(begin, end)| (begin..end).contains(&now.to_zoned(jiff::tz::TimeZone::UTC).date()))
    }
}

fn text(entries: &BTreeMap<String, Vec<u8>>, name: &'static str) -> Result<String, CaError> {
    let bytes = entries
        .get(name)
        .ok_or_else(|| CaError::Entry(name, "is missing".to_owned()))?;
    String::from_utf8(bytes.clone()).map_err(|_| CaError::Entry(name, "is no text".to_owned()))
}

fn generate(now: Timestamp) -> Result<Pair, CaError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    validity(&mut params, now, LIFE)?;
    params.distinguished_name = called("gatewright configuration");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key)?;
    Ok(Pair {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
        since: now,
    })
}

fn called(name: &str) -> DistinguishedName {
    let mut called = DistinguishedName::new();
    called.push(DnType::CommonName, name);
    called
}

fn validity(params: &mut CertificateParams, now: Timestamp, life: SignedDuration) -> Result<(), CaError> {
    let (begin, end) = span(now, life)?;
    let date = |date: Date| {
        rcgen::date_time_ymd(
            date.year().into(),
            date.month().unsigned_abs(),
            date.day().unsigned_abs(),
        )
    };
    params.not_before = date(begin);
    params.not_after = date(end);
    Ok(())
}

/// The days of a certificate that is made now: it is valid from the first midnight to the second.
fn span(now: Timestamp, life: SignedDuration) -> Result<(Date, Date), CaError> {
    let date = |at: Timestamp| at.to_zoned(jiff::tz::TimeZone::UTC).date();
    let begin = now.checked_sub(SKEW).map_err(|_| CaError::Clock)?;
    let end = now
        .checked_add(life + SignedDuration::from_hours(24))
        .map_err(|_| CaError::Clock)?;
    Ok((date(begin), date(end)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatewright_stream::tls;

    fn at(hours: i64) -> Timestamp {
        "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hours)
    }

    #[test]
    fn what_is_signed_can_be_served_and_the_secret_holds_everything() {
        let authority = Authority::generate(at(0)).unwrap();
        let again = Authority::read(&authority.entries()).unwrap();
        assert!(again == authority);
        let (chain, key) = again
            .issue(&["gatewright-controller.system.svc".to_owned()], at(1))
            .unwrap();
        tls::server_config(chain.as_bytes(), key.as_bytes()).unwrap();
        tls::client_config(again.bundle().as_bytes()).unwrap();
    }

    #[test]
    fn a_successor_is_trusted_before_it_signs() {
        let first = Authority::generate(at(0)).unwrap();
        assert!(first.advance(at(24 * 364)).unwrap().is_none());
        let both = first.advance(at(24 * 365)).unwrap().unwrap();
        assert_eq!(both.bundle().matches("BEGIN CERTIFICATE").count(), 2);
        assert!(both.current == first.current, "the old one goes on signing");
        assert!(both.advance(at(24 * 365 + 23)).unwrap().is_none());
        let second = both.advance(at(24 * 366)).unwrap().unwrap();
        assert!(Some(&second.current) == both.next.as_ref());
        assert_eq!(second.bundle().matches("BEGIN CERTIFICATE").count(), 1);
    }

    #[test]
    fn what_a_wrong_clock_has_made_is_replaced_at_once() {
        // Made by a clock that was two days ahead.
        let early = Authority::generate(at(48)).unwrap();
        let now = early.advance(at(0)).unwrap().unwrap();
        assert!(now.current.certificate != early.current.certificate);
        tls::client_config(now.bundle().as_bytes()).unwrap();
        assert!(now.advance(at(0)).unwrap().is_none(), "once");
        // Within what clocks may differ by, and within the day, it is good already.
        assert!(early.advance(at(48) - SKEW).unwrap().is_none());

        // A successor of the future goes; the one that is good stays.
        let good = Authority::generate(at(0)).unwrap();
        let both = good.advance(at(24 * 365 * 2 - 24)).unwrap().unwrap();
        let back = both.advance(at(1)).unwrap().unwrap();
        assert!(back.current == good.current && back.next.is_none());
        assert!(back.advance(at(1)).unwrap().is_none(), "once");

        // Nobody looked for longer than it lives: the successor takes over, or a new one.
        let late = at(24 * 365 * 2 + 48);
        let taken = both.advance(late).unwrap().unwrap();
        assert!(Some(&taken.current) == both.next.as_ref() && taken.next.is_none());
        let made = good.advance(late).unwrap().unwrap();
        assert!(made.current.since == late && made.advance(late).unwrap().is_none());
    }

    #[test]
    fn a_servers_certificate_is_renewed_when_it_is_old_or_the_clock_went_back() {
        let issued = at(100);
        for (hours, wanted) in [
            (100, false),
            (99, false),
            (98, true),
            (100 + 239, false),
            (100 + 240, true),
        ] {
            assert_eq!(Authority::must_renew(issued, at(hours)), wanted, "{hours} h");
        }
    }

    #[test]
    fn a_broken_secret_names_the_entry_and_not_its_contents() {
        let mut entries = Authority::generate(at(0)).unwrap().entries();
        entries.remove("ca.key");
        let message = Authority::read(&entries).err().unwrap().to_string();
        assert!(message.contains("ca.key"), "{message}");
    }
}
