//! Transforms of a rule, applied before the request is sent to a target.
//!
//! Documented (rule-transforms): one rewrite of the host header and one of the URL per rule, none on the default
//! rule; of the URL "only the path and query string" can be modified; "if there is no pattern match, the original
//! request is sent to the target"; "if there is a pattern match but the transform fails, we return an HTTP 500
//! error"; the replacement names groups as `$1` (API_RewriteConfig).
//!
//! Assumed: a URL rewrite is given path and query as one text (AWS's own controller writes `^([^?]*)` to replace a
//! path and keep the query); the first match is replaced, what is around it stays; a group is `$` and one digit, any
//! other `$` is itself; a group that took no part is empty; a group that the expression does not have, a URL that
//! does not start with `/` and text that is not allowed in a URL or host are failures.

use super::expression::{self, ExpressionError};
use super::wildcard::Case;
use crate::traffic::config::{RewriteConfig, RuleTransform};
use http::uri::{Authority, PathAndQuery};
use regex::bytes::{Captures, Regex};

/// The longest URL or host that a rewrite may make, in bytes.
const LENGTH: usize = 16 * 1024;

/// Why transforms cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransformError {
    /// Its type is unknown.
    #[error("the transform type {0:?} is unknown")]
    Kind(String),
    /// It has not exactly one rewrite.
    #[error("a {0} transform has {1} rewrites instead of 1")]
    Rewrites(String, usize),
    /// Two of one type.
    #[error("there are two {0} transforms")]
    Twice(String),
    /// An expression.
    #[error(transparent)]
    Expression(#[from] ExpressionError),
}

/// A pattern matched, but what came of it is no host or URL: HTTP 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

/// What changes of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// Another host header.
    pub host: Option<String>,
    /// Another path and query.
    pub url: Option<PathAndQuery>,
}

/// Transforms, ready to be applied.
#[derive(Clone, Debug, Default)]
pub struct Transforms {
    host: Option<Rewrite>,
    url: Option<Rewrite>,
}

#[derive(Clone, Debug)]
struct Rewrite {
    regex: Regex,
    replace: String,
}

impl Transforms {
    /// Reads them.
    pub(super) fn new(transforms: &[RuleTransform]) -> Result<Self, TransformError> {
        let mut read = Self::default();
        for transform in transforms {
            let (place, config, case) = match transform.kind.as_str() {
                "host-header-rewrite" => (
                    &mut read.host,
                    transform.host_header_rewrite_config.as_ref(),
                    Case::Ignored,
                ),
                "url-rewrite" => (&mut read.url, transform.url_rewrite_config.as_ref(), Case::Kept),
                other => return Err(TransformError::Kind(other.to_owned())),
            };
            let rewrites = config
                .map(|config| config.rewrites.as_slice())
                .unwrap_or_default();
            let [rewrite] = rewrites else {
                return Err(TransformError::Rewrites(transform.kind.clone(), rewrites.len()));
            };
            if place.replace(Rewrite::new(rewrite, case)?).is_some() {
                return Err(TransformError::Twice(transform.kind.clone()));
            }
        }
        Ok(read)
    }

    /// Applies them to a host and to a path with its query.
    pub fn apply(&self, host: &str, url: &str) -> Result<Rewritten, Failed> {
        let mut rewritten = Rewritten::default();
        if let Some(text) = self
            .host
            .as_ref()
            .map(|rewrite| rewrite.apply(host))
            .transpose()?
            .flatten()
        {
            text.parse::<Authority>().map_err(|_| Failed)?;
            rewritten.host = Some(text);
        }
        if let Some(text) = self
            .url
            .as_ref()
            .map(|rewrite| rewrite.apply(url))
            .transpose()?
            .flatten()
        {
            if !text.starts_with('/') || text.contains('#') {
                return Err(Failed);
            }
            rewritten.url = Some(PathAndQuery::try_from(text).map_err(|_| Failed)?);
        }
        Ok(rewritten)
    }
}

impl Rewrite {
    fn new(config: &RewriteConfig, case: Case) -> Result<Self, ExpressionError> {
        Ok(Self {
            regex: expression::compile(&config.regex, case)?,
            replace: config.replace.clone(),
        })
    }

    /// None when nothing matches.
    fn apply(&self, text: &str) -> Result<Option<String>, Failed> {
        let Some(captures) = self.regex.captures(text.as_bytes()) else {
            return Ok(None);
        };
        let whole = captures.get(0).ok_or(Failed)?;
        let mut made = text.as_bytes().get(..whole.start()).ok_or(Failed)?.to_vec();
        self.expand(&captures, &mut made)?;
        made.extend_from_slice(text.as_bytes().get(whole.end()..).ok_or(Failed)?);
        if made.len() > LENGTH {
            return Err(Failed);
        }
        String::from_utf8(made).map(Some).map_err(|_| Failed)
    }

    fn expand(&self, captures: &Captures<'_>, made: &mut Vec<u8>) -> Result<(), Failed> {
        let mut bytes = self.replace.bytes().peekable();
        while let Some(byte) = bytes.next() {
            match (byte, bytes.peek().copied()) {
                (b'$', Some(digit @ b'0'..=b'9')) => {
                    bytes.next();
                    let number = usize::from(digit - b'0');
                    if number >= captures.len() {
                        return Err(Failed);
                    }
                    made.extend_from_slice(
                        captures
                            .get(number)
                            .map(|group| group.as_bytes())
                            .unwrap_or_default(),
                    );
                }
                _ => made.push(byte),
            }
        }
        Ok(())
    }
}
