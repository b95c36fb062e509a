//! Random requests, of few words so that they meet the rules.

use super::generate::one;
use fastrand::Rng;
use http::HeaderMap;
use std::net::{IpAddr, Ipv4Addr};

/// A client of the networks that some rules are for, and one of others.
pub(super) const INSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3));
pub(super) const OUTSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

#[derive(Debug)]
pub(super) struct Request {
    pub(super) port: u16,
    pub(super) client: IpAddr,
    pub(super) host: &'static str,
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) query: Option<&'static str>,
    pub(super) headers: HeaderMap,
}

impl Request {
    /// Path and query.
    pub(super) fn url(&self) -> String {
        match self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.to_owned(),
        }
    }
}

const HOSTS: [&str; 9] = [
    "a.example.com",
    "b.a.example.com",
    "c.b.a.example.com",
    "example.com",
    "x.example.org",
    "y.example.org",
    "localhost",
    "other.example.net",
    "z.example.com",
];
const PATHS: [&str; 14] = [
    "/",
    "/a",
    "/a/",
    "/a/b",
    "/a/b/c",
    "/ab",
    "/axb",
    "/a*b",
    "/a*",
    "/s.S/Get",
    "/s.S/List",
    "/sxS/Get",
    "/x%20y",
    "/b",
];

/// A request to one of these ports.
pub(super) fn request(random: &mut Rng, ports: &[u16]) -> Request {
    let mut headers = HeaderMap::new();
    for name in ["x-a", "x-b"] {
        match random.u8(..5) {
            0 => headers.insert(name, "1".parse().unwrap()),
            1 => headers.insert(name, "2".parse().unwrap()),
            2 => headers.insert(name, "*".parse().unwrap()),
            3 => headers.insert(name, "12".parse().unwrap()),
            _ => None,
        };
    }
    let query = match random.u8(..6) {
        0 => Some("q=1"),
        1 => Some("q=?"),
        2 => Some("p=1&q=a,b"),
        3 => Some("q=x&p=1"),
        _ => None,
    };
    Request {
        port: ports[random.usize(..ports.len())],
        client: if random.bool() { INSIDE } else { OUTSIDE },
        host: one(random, &HOSTS),
        method: one(random, &["GET", "POST", "PUT"]),
        path: one(random, &PATHS),
        query,
        headers,
    }
}
