//! The question: a request as it would be sent.

use gatewright_model::router::Request;
use gatewright_model::{host, path};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use std::borrow::Cow;
use std::str::FromStr;

/// `METHOD URL`; the method is GET when left out.
#[derive(Clone, Debug)]
pub struct Target {
    method: Method,
    tls: bool,
    uri: Uri,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (method, url) = text.split_once(char::is_whitespace).unwrap_or(("GET", text));
        let method = method
            .parse()
            .map_err(|_| format!("found method `{method}`, accepted is a token such as GET"))?;
        let example = "accepted is a URL such as https://shop.example.com/cart?x=1";
        let uri: Uri = url
            .trim()
            .parse()
            .map_err(|error| format!("found `{url}` ({error}), {example}"))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(other) => return Err(format!("found scheme `{other}`, accepted are http and https")),
            None => return Err(format!("found `{url}`, {example}")),
        };
        Ok(Self { method, tls, uri })
    }
}

/// `name: value`.
#[derive(Clone, Debug)]
pub struct Header(HeaderName, HeaderValue);

impl FromStr for Header {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = || format!("found `{text}`, accepted is `name: value`");
        let (name, value) = text.split_once(':').ok_or_else(found)?;
        Ok(Self(
            name.trim().parse().map_err(|_| found())?,
            value.trim().parse().map_err(|_| found())?,
        ))
    }
}

/// A request as the proxy sees it.
pub struct Question {
    method: Method,
    /// Whether it comes over TLS.
    pub tls: bool,
    /// Host, normalised. On TLS the server name as well.
    pub host: String,
    /// Port that the client connects to.
    pub port: u16,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
}

impl Question {
    /// A Host header overrides the URL's host, as it would for a client that connects to one name and asks
    /// for another.
    ///
    /// # Errors
    /// Why the proxy answers 400 before it looks for a route.
    pub fn new(target: &Target, headers: &[Header]) -> Result<Self, String> {
        let Target { method, tls, uri } = target;
        let mut map = HeaderMap::new();
        for Header(name, value) in headers {
            map.append(name, value.clone());
        }
        let authority = match map.get(http::header::HOST) {
            Some(value) => value.as_bytes(),
            None => uri
                .authority()
                .map_or(&b""[..], |authority| authority.as_str().as_bytes()),
        };
        let name = host::parse(authority).map_err(|error| format!("Host: {error}"))?;
        let found = uri.path_and_query().map_or("/", |target| target.as_str());
        let split = path::split_target(found.as_bytes(), &path::Policy::default())
            .map_err(|error| format!("path: {error}"))?;
        Ok(Self {
            method: method.clone(),
            tls: *tls,
            host: name.name.to_string(),
            port: uri.port_u16().unwrap_or(if *tls { 443 } else { 80 }),
            path: split.path.into_owned(),
            query: split.query.map(ToOwned::to_owned),
            headers: map,
        })
    }
}

impl Request for Question {
    fn method(&self) -> &str {
        self.method.as_str()
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next()?.as_bytes();
        let mut joined = Cow::Borrowed(first);
        for value in values {
            let joined = joined.to_mut();
            joined.push(b',');
            joined.extend_from_slice(value.as_bytes());
        }
        Some(joined)
    }
}

#[cfg(test)]
mod tests {
    use super::{Header, Question, Target};

    #[test]
    fn a_request_is_read_as_the_proxy_would_read_it() {
        let target: Target = "GET https://shop.example.com/a/../b?x=1".parse().unwrap();
        let question = Question::new(&target, &[]).unwrap();
        assert_eq!(
            (&*question.host, question.port, question.tls),
            ("shop.example.com", 443, true)
        );
        assert_eq!((&*question.path, question.query.as_deref()), ("/b", Some("x=1")));
        let host: Header = "Host: Other.example.com:81".parse().unwrap();
        assert_eq!(Question::new(&target, &[host]).unwrap().host, "other.example.com");
    }

    #[test]
    fn what_the_proxy_refuses_has_no_answer_but_400() {
        let target: Target = "http://h/..%2fb".parse().unwrap();
        assert!(Question::new(&target, &[]).is_err_and(|why| why.contains("dot segment")));
    }

    #[test]
    fn a_malformed_option_says_what_is_accepted() {
        for (text, accepted) in [
            ("GET", "https://"),
            ("GET ftp://h/", "http and https"),
            ("G(T http://h/", "token"),
            ("GET /path", "https://"),
        ] {
            let error = text.parse::<Target>().unwrap_err();
            assert!(error.contains(accepted), "{text}: {error}");
        }
        assert!("no-colon".parse::<Header>().is_err());
    }
}
