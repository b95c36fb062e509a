//! `URLRewrite` (Gateway API v1.7.0, `HTTPURLRewriteFilter`).

use crate::http::RequestHead;
use crate::policy::CompiledPath;
use gatewright_model::Str;
use gatewright_model::filter::UrlRewrite;
use gatewright_model::host::is_authority;

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

#[cfg(test)]
mod tests {
    use super::CompiledRewrite;
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
}
