//! Certificates that are in ACM already, and which of them serves a hostname.
//!
//! Only certificates that are issued can be shown by a listener ("The certificate must have a status of `ISSUED`",
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/https-listener-certificates.html>).

use crate::Str;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt;

/// A certificate in ACM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// `CertificateArn`.
    pub arn: Str,
    /// `DomainName` and `SubjectAlternativeNames`, in lower case.
    pub domains: BTreeSet<Str>,
    /// `Status`.
    pub state: State,
    /// `NotAfter`, seconds since 1970.
    pub not_after: Option<i64>,
    /// What may be done with it.
    pub by: Origin,
}

/// Who made a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Users.
    Users,
    /// A controller like this one, of a Secret: it goes when that does, so that nobody else may depend on it.
    Imported,
}

/// Whether a certificate can be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Yes.
    Issued,
    /// Its domain is to be validated.
    Pending,
    /// No: AWS's word.
    Unusable(Str),
}

/// Why there is no certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// No certificate has the name.
    None,
    /// One has, and is not issued yet.
    Pending(Str),
    /// One has, and cannot be used: its ARN, and AWS's word for it.
    Unusable(Str, Str),
    /// It belongs to a Secret.
    Imported(Str),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("ACM has none"),
            Self::Pending(arn) => write!(f, "{arn} is not issued yet: its domain is to be validated"),
            Self::Unusable(arn, state) => {
                write!(f, "{arn} cannot be used, it is {state}: {}", remedy(state))
            }
            Self::Imported(arn) => write!(f, "{arn} was imported for a Secret and goes with it"),
        }
    }
}

/// What helps, by `Status`
/// (<https://docs.aws.amazon.com/acm/latest/APIReference/API_CertificateDetail.html>).
fn remedy(state: &str) -> &'static str {
    match state {
        "EXPIRED" => "renew it",
        "FAILED" => {
            "its FailureReason in ACM says why it was not issued; put that right and request another one"
        }
        "INACTIVE" => "whoever keeps it in ACM can say why; use another one",
        "REVOKED" => "it was withdrawn for good; request another one",
        "VALIDATION_TIMED_OUT" => "its domain was not validated within 72 hours; request another one",
        _ => "ACM's console says what can be done about it",
    }
}

impl Found {
    fn fit(&self) -> Result<&Self, Missing> {
        if self.by == Origin::Imported {
            return Err(Missing::Imported(self.arn.clone()));
        }
        match &self.state {
            State::Issued => Ok(self),
            State::Pending => Err(Missing::Pending(self.arn.clone())),
            State::Unusable(word) => Err(Missing::Unusable(self.arn.clone(), word.clone())),
        }
    }

    /// How well it serves a host: 2 by its very name, 1 by a wildcard for its first label (RFC 6125 section 6.4.3).
    fn serves(&self, host: &str) -> u8 {
        let wildcard = host.split_once('.').map(|(_, rest)| format!("*.{rest}"));
        if self.domains.contains(host) {
            2
        } else {
            u8::from(wildcard.is_some_and(|wildcard| self.domains.contains(&*wildcard)))
        }
    }
}

/// The certificate of an ARN.
///
/// # Errors
/// Why it cannot be shown.
pub fn of_arn<'a>(found: &'a [Found], arn: &str) -> Result<&'a Found, Missing> {
    found
        .iter()
        .find(|one| *one.arn == *arn)
        .ok_or(Missing::None)?
        .fit()
}

/// The certificate for a host, or for a wildcard (`*.example.com`). Of several: by its very name before one by a
/// wildcard, then the one that is valid longest, then by ARN, so that the choice stays.
///
/// # Errors
/// Why there is none that can be shown.
pub fn for_host<'a>(found: &'a [Found], host: &str) -> Result<&'a Found, Missing> {
    let serving = || found.iter().filter(|one| one.serves(host) > 0);
    let rank = |one: &&Found| (one.serves(host), one.not_after, Reverse(one.arn.clone()));
    let usable = serving().filter(|one| one.fit().is_ok());
    if let Some(best) = usable.max_by_key(rank) {
        return Ok(best);
    }
    let others = serving().filter(|one| one.by == Origin::Users);
    match others.max_by_key(rank) {
        Some(one) => one.fit(),
        None => Err(Missing::None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(arn: &str, domains: &[&str], state: State) -> Found {
        Found {
            arn: arn.into(),
            domains: domains.iter().copied().map(Str::from).collect(),
            state,
            not_after: Some(100),
            by: Origin::Users,
        }
    }

    fn chosen(all: &[Found], host: &str) -> String {
        match for_host(all, host) {
            Ok(found) => found.arn.to_string(),
            Err(missing) => format!("{missing:?}"),
        }
    }

    /// RFC 6125 section 6.4.3: a wildcard stands for one label.
    #[test]
    fn names_win_over_wildcards_of_one_label() {
        let all = [
            found("wild", &["*.example.com"], State::Issued),
            found("exact", &["shop.example.com", "example.com"], State::Issued),
        ];
        assert_eq!(chosen(&all, "shop.example.com"), "exact");
        assert_eq!(chosen(&all, "example.com"), "exact");
        assert_eq!(chosen(&all, "api.example.com"), "wild");
        assert_eq!(chosen(&all, "*.example.com"), "wild");
        assert_eq!(chosen(&all, "a.b.example.com"), "None");
    }

    #[test]
    fn only_issued_ones_serve_and_others_say_why_not() {
        let all = [found("a", &["a.example"], State::Pending)];
        assert_eq!(chosen(&all, "a.example"), r#"Pending("a")"#);
        let mut all = all.to_vec();
        all.push(found("b", &["*.example"], State::Issued));
        assert_eq!(chosen(&all, "a.example"), "b", "a wildcard that is issued");
        let expired = [found("c", &["c.example"], State::Unusable("EXPIRED".into()))];
        let words = for_host(&expired, "c.example").unwrap_err().to_string();
        assert_eq!(words, "c cannot be used, it is EXPIRED: renew it");
        assert_eq!(of_arn(&expired, "d"), Err(Missing::None));
        assert!(matches!(of_arn(&all, "a"), Err(Missing::Pending(_))));
        assert_eq!(of_arn(&all, "b").unwrap().arn, "b".into());
    }

    /// All values of `Status` but `ISSUED` and `PENDING_VALIDATION`.
    #[test]
    fn every_state_hurts_its_own_hostname_and_says_what_helps() {
        for state in [
            "EXPIRED",
            "FAILED",
            "INACTIVE",
            "REVOKED",
            "VALIDATION_TIMED_OUT",
            "OF_NEXT_YEAR",
        ] {
            let all = [
                found("bad", &["a.example"], State::Unusable(state.into())),
                found("good", &["b.example"], State::Issued),
            ];
            assert_eq!(chosen(&all, "b.example"), "good");
            let why = for_host(&all, "a.example").unwrap_err();
            assert_eq!(why, of_arn(&all, "bad").unwrap_err());
            let words = why.to_string();
            let (told, helps) = words.split_once(": ").unwrap();
            assert_eq!(told, format!("bad cannot be used, it is {state}"));
            assert!(helps.len() > 7, "{words}");
        }
    }

    #[test]
    fn those_of_secrets_are_for_nobody_else() {
        let mut all = [found("a", &["a.example"], State::Issued)];
        all[0].by = Origin::Imported;
        assert_eq!(chosen(&all, "a.example"), "None");
        assert!(matches!(of_arn(&all, "a"), Err(Missing::Imported(_))));
    }

    #[test]
    fn of_two_the_one_that_is_valid_longer_serves() {
        let mut all = [
            found("a", &["a.example"], State::Issued),
            found("b", &["a.example"], State::Issued),
        ];
        assert_eq!(chosen(&all, "a.example"), "a");
        all[1].not_after = Some(101);
        assert_eq!(chosen(&all, "a.example"), "b");
    }
}
