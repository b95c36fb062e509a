//! `RequestRedirect` (Gateway API v1.7.0, `HTTPRequestRedirectFilter`).

use crate::http::{LocalResponse, RequestHead, ResponseHead, Scheme};
use crate::policy::CompiledPath;
use gatewright_model::Str;
use gatewright_model::filter::Redirect;
use http::StatusCode;

/// A redirect, ready to execute.
#[derive(Debug)]
pub struct CompiledRedirect {
    scheme: Option<Scheme>,
    hostname: Option<Str>,
    path: Option<CompiledPath>,
    port: Option<u16>,
    status: StatusCode,
}

impl CompiledRedirect {
    /// Compiles a redirect. A scheme, hostname or status outside the API's lists is left out (302 for
    /// the status) and said in `refused`.
    pub fn compile(redirect: &Redirect, refused: &mut Vec<String>) -> Self {
        let scheme = match redirect.scheme.as_deref() {
            None => None,
            Some("http") => Some(Scheme::Http),
            Some("https") => Some(Scheme::Https),
            Some(other) => {
                refused.push(format!(
                    "requestRedirect.scheme: {other:?}; http and https are accepted"
                ));
                None
            }
        };
        let hostname = redirect.hostname.clone().filter(|hostname| {
            let usable = gatewright_model::host::is_authority(hostname) && !hostname.contains(':');
            if !usable {
                refused.push(format!(
                    "requestRedirect.hostname: {hostname:?} is not a hostname"
                ));
            }
            usable
        });
        let status = match redirect.status {
            301 => StatusCode::MOVED_PERMANENTLY,
            302 => StatusCode::FOUND,
            303 => StatusCode::SEE_OTHER,
            307 => StatusCode::TEMPORARY_REDIRECT,
            308 => StatusCode::PERMANENT_REDIRECT,
            other => {
                refused.push(format!(
                    "requestRedirect.statusCode: {other}; 301, 302, 303, 307 and 308 are accepted"
                ));
                StatusCode::FOUND
            }
        };
        Self {
            scheme,
            hostname,
            path: redirect.path.as_ref().map(CompiledPath::compile),
            port: redirect.port,
            status,
        }
    }

    /// The redirect for a request.
    pub fn respond(
        &self,
        head: &RequestHead,
        listener_port: u16,
        matched_prefix: Option<&str>,
    ) -> LocalResponse {
        let location = self.location(head, listener_port, matched_prefix);
        let mut response = ResponseHead::new(self.status);
        // Every part is checked text, so this cannot fail; a redirect without Location would be
        // answered instead of a split message if it did.
        let _ = response.headers.append_raw(b"location", location.as_bytes());
        LocalResponse {
            head: response,
            body: bytes::Bytes::new(),
        }
    }

    /// `Location`, with the port rules of `HTTPRequestRedirectFilter.port`: an explicit port; else
    /// the well-known one of an explicit scheme; else the listener's. The port is not written when it
    /// is the well-known one of the scheme used.
    fn location(&self, head: &RequestHead, listener_port: u16, matched_prefix: Option<&str>) -> String {
        let scheme = self.scheme.unwrap_or(head.scheme);
        let port = self
            .port
            .or(self.scheme.map(Scheme::default_port))
            .unwrap_or(listener_port);
        let host = self
            .hostname
            .as_deref()
            .unwrap_or_else(|| host_of(&head.authority));
        let mut location = String::with_capacity(host.len() + head.target.len() + 16);
        location.push_str(scheme.as_str());
        location.push_str("://");
        location.push_str(host);
        if port != scheme.default_port() {
            location.push(':');
            location.push_str(itoa::Buffer::new().format(port));
        }
        match &self.path {
            None => location.push_str(if head.target.starts_with('/') {
                &head.target
            } else {
                "/"
            }),
            Some(path) => {
                location.push_str(&path.apply(head.path(), matched_prefix));
                if let Some(query) = head.query() {
                    location.push('?');
                    location.push_str(query);
                }
            }
        }
        location
    }
}

/// The host of an authority, without port; brackets of an IPv6 address stay.
pub(crate) fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::{CompiledRedirect, host_of};
    use crate::http::Scheme;
    use crate::policy::chain::tests::request;
    use gatewright_model::filter::{PathModifier, Redirect};

    fn plain() -> Redirect {
        Redirect {
            scheme: None,
            hostname: None,
            path: None,
            port: None,
            status: 302,
        }
    }

    fn location(redirect: &Redirect, scheme: Scheme, listener: u16, prefix: Option<&str>) -> String {
        let mut refused = Vec::new();
        let compiled = CompiledRedirect::compile(redirect, &mut refused);
        assert!(refused.is_empty(), "{refused:?}");
        let mut head = request("GET", "example.org:9999", "/p/q?a=b");
        head.scheme = scheme;
        let response = compiled.respond(&head, listener, prefix);
        assert_eq!(response.head.status.as_u16(), redirect.status);
        response.head.headers.get_str("location").unwrap().to_owned()
    }

    /// conformance/tests/httproute-redirect-port-and-scheme.go and `HTTPRequestRedirectFilter.port`.
    #[test]
    fn port_and_scheme() {
        use Scheme::{Http, Https};
        #[allow(clippy::type_complexity)] // A table.
        let table: [(Scheme, u16, Option<&str>, Option<u16>, &str); 16] = [
            (Http, 80, None, None, "http://example.org"),
            (Http, 80, None, Some(80), "http://example.org"),
            (Http, 80, None, Some(8080), "http://example.org:8080"),
            (Http, 80, Some("https"), None, "https://example.org"),
            (Http, 80, Some("https"), Some(443), "https://example.org"),
            (Http, 80, Some("https"), Some(8443), "https://example.org:8443"),
            (Http, 8080, None, None, "http://example.org:8080"),
            (Http, 8080, None, Some(80), "http://example.org"),
            (Http, 8080, Some("https"), None, "https://example.org"),
            (Https, 443, None, None, "https://example.org"),
            (Https, 443, None, Some(443), "https://example.org"),
            (Https, 443, None, Some(8443), "https://example.org:8443"),
            (Https, 443, Some("http"), None, "http://example.org"),
            (Https, 443, Some("http"), Some(80), "http://example.org"),
            (Https, 443, Some("http"), Some(8080), "http://example.org:8080"),
            (Https, 8443, Some("https"), Some(80), "https://example.org:80"),
        ];
        for (used, listener, scheme, port, expected) in table {
            let redirect = Redirect {
                scheme: scheme.map(Into::into),
                port,
                ..plain()
            };
            assert_eq!(
                location(&redirect, used, listener, None),
                format!("{expected}/p/q?a=b"),
                "{used:?} {listener} {scheme:?} {port:?}"
            );
        }
    }

    #[test]
    fn host_path_and_status() {
        for status in [301, 302, 303, 307, 308] {
            let redirect = Redirect {
                hostname: Some("other.example".into()),
                path: Some(PathModifier::ReplaceFullPath("/full".into())),
                status,
                ..plain()
            };
            assert_eq!(
                location(&redirect, Scheme::Http, 80, None),
                "http://other.example/full?a=b"
            );
        }
        let redirect = Redirect {
            path: Some(PathModifier::ReplacePrefixMatch("/new".into())),
            ..plain()
        };
        assert_eq!(
            location(&redirect, Scheme::Http, 80, Some("/p")),
            "http://example.org/new/q?a=b"
        );
    }

    #[test]
    fn values_outside_the_lists_are_refused() {
        let redirect = Redirect {
            scheme: Some("ftp".into()),
            hostname: Some("a/b".into()),
            status: 200,
            ..plain()
        };
        let mut refused = Vec::new();
        CompiledRedirect::compile(&redirect, &mut refused);
        assert_eq!(refused.len(), 3, "{refused:?}");
    }

    #[test]
    fn hosts_of_authorities() {
        for (authority, host) in [
            ("a", "a"),
            ("a:80", "a"),
            ("[::1]", "[::1]"),
            ("[::1]:80", "[::1]"),
        ] {
            assert_eq!(host_of(authority), host);
        }
    }
}
