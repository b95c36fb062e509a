//! `URLRewrite` (Gateway API v1.7.0, `HTTPURLRewriteFilter`).

use crate::http::RequestHead;
use crate::policy::CompiledPath;
use gatewright_model::Str;
use gatewright_model::filter::UrlRewrite;

/// A rewrite, ready to execute.
#[derive(Debug)]
pub struct CompiledRewrite {
    hostname: Option<Str>,
    path: Option<CompiledPath>,
}

impl CompiledRewrite {
    /// Compiles a rewrite; a hostname that cannot stand in `Host` is left out and said in `refused`.
    pub fn compile(rewrite: &UrlRewrite, refused: &mut Vec<String>) -> Self {
        let hostname = rewrite.hostname.clone().filter(|hostname| {
            let usable = is_authority(hostname);
            if !usable {
                refused.push(format!("urlRewrite.hostname: {hostname:?} is not a hostname"));
            }
            usable
        });
        Self {
            hostname,
            path: rewrite.path.as_ref().map(CompiledPath::compile),
        }
    }

    /// Changes authority and path; the query stays.
    pub fn apply(&self, head: &mut RequestHead, matched_prefix: Option<&str>) {
        head.keep_asked();
        if let Some(hostname) = &self.hostname {
            head.authority.clear();
            head.authority.push_str(hostname);
        }
        if let Some(path) = &self.path {
            let path = path.apply(head.path(), matched_prefix);
            head.set_path(&path);
        }
    }
}

/// Whether text can stand in `Host`: `uri-host [":" port]` without userinfo (RFC 9110 section 7.2).
pub(crate) fn is_authority(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port_ok = port.is_none_or(|port| port.parse::<u16>().is_ok());
    let host_ok = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
        }
    };
    port_ok && host_ok
}

#[cfg(test)]
mod tests {
    use super::{CompiledRewrite, is_authority};
    use crate::policy::chain::tests::request;
    use gatewright_model::filter::{PathModifier, UrlRewrite};

    #[test]
    fn host_and_path_change_and_the_query_stays() {
        let rewrite = CompiledRewrite::compile(
            &UrlRewrite {
                hostname: Some("one.example.org".into()),
                path: Some(PathModifier::ReplacePrefixMatch("/v2".into())),
            },
            &mut Vec::new(),
        );
        let mut head = request("GET", "old.example.org:8080", "/v1/a?x=/v1");
        rewrite.apply(&mut head, Some("/v1"));
        assert_eq!(head.authority, "one.example.org");
        assert_eq!(head.target, "/v2/a?x=/v1");
        // What logs name is what the client asked for, whatever was changed since and how often.
        rewrite.apply(&mut head, Some("/v2"));
        assert_eq!(
            (head.asked_authority(), head.asked_path()),
            ("old.example.org:8080", "/v1/a")
        );
    }

    #[test]
    fn authorities() {
        for good in ["a", "a.b-c.d", "a:80", "[::1]", "[::1]:8080", "10.0.0.1:1"] {
            assert!(is_authority(good), "{good}");
        }
        for bad in [
            "", ":80", "a:x", "a:99999", "u@a", "a/b", "a b", "[::1", "::1", "a,b",
        ] {
            assert!(!is_authority(bad), "{bad}");
        }
    }
}
