//! Matches of rules of VPC Lattice.
//!
//! <https://docs.aws.amazon.com/vpc-lattice/latest/ug/listener-rules.html>,
//! <https://docs.aws.amazon.com/vpc-lattice/latest/APIReference/API_HttpMatch.html>: method, path and headers, of which all
//! that a rule has must hold. Assumed, as the pages are silent: methods regard case; a prefix is one of the text; of a header
//! that is there more than once any line may match; letters beyond ASCII have no case.

use super::condition::ConditionError;
use super::request::Request;
use crate::traffic::config::{LatticeMatch, TextKind, TextMatch};
use http::HeaderName;

/// A match, ready to be evaluated.
#[derive(Clone, Debug)]
pub(super) struct Matched {
    other_than: Vec<String>,
    method: Option<String>,
    path: Option<TextMatch>,
    headers: Vec<(HeaderName, TextMatch)>,
}

impl Matched {
    /// Reads a match.
    pub(super) fn new(from: &LatticeMatch) -> Result<Self, ConditionError> {
        let header = |(name, text): &(String, TextMatch)| -> Result<_, ConditionError> {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| ConditionError::HeaderName(name.clone()))?;
            Ok((name, text.clone()))
        };
        Ok(Self {
            other_than: from.other_than.clone(),
            method: from.method.clone(),
            path: from.path.clone(),
            headers: from.headers.iter().map(header).collect::<Result<_, _>>()?,
        })
    }

    /// Whether it holds.
    pub(super) fn holds(&self, request: &Request<'_>) -> bool {
        let of_these = |host: &String| host.eq_ignore_ascii_case(request.host);
        let elsewhere = self.other_than.is_empty() || !self.other_than.iter().any(of_these);
        elsewhere
            && self.method.as_ref().is_none_or(|method| method == request.method)
            && self
                .path
                .as_ref()
                .is_none_or(|path| fits(path, request.path.as_bytes()))
            && self.headers.iter().all(|(name, text)| {
                let mut lines = request.headers.get_all(name).iter();
                lines.any(|line| fits(text, line.as_bytes()))
            })
    }
}

fn fits(wanted: &TextMatch, found: &[u8]) -> bool {
    let fold = |text: &[u8]| {
        if wanted.case_sensitive {
            text.to_vec()
        } else {
            text.to_ascii_lowercase()
        }
    };
    let (text, found) = (fold(wanted.text.as_bytes()), fold(found));
    match wanted.kind {
        TextKind::Exact => found == text,
        TextKind::Prefix => found.starts_with(&text),
        TextKind::Contains => text.is_empty() || found.windows(text.len()).any(|part| part == text),
    }
}
