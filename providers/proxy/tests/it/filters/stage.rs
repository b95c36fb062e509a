//! A proxy with one route, programmable backends, and a client that shows everything.

use crate::net::world::{PATIENCE, World, connect, local, options, prefix};
use gatewright_model::filter::{HeaderModifier, HttpFilter};
use gatewright_model::key::{ObjectName, RouteKey, RouteKind};
use gatewright_model::route::HttpRule;
use gatewright_proxy::listen::Proxy;
use gatewright_proxy::runtime::{FailureReason, ProxyOptions};
use std::fmt::Write as FmtWrite;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A request as a backend saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Method and target.
    pub line: String,
    /// Fields in order, names in lower case.
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Seen {
    /// All values of a field, joined.
    pub fn field(&self, name: &str) -> Option<String> {
        joined(&self.fields, name)
    }
}

/// What a backend does with a request.
pub enum Reply {
    /// Answers.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// Closes the connection without a word.
    Close,
    /// Never answers.
    Hang,
    /// Promises ten bytes, sends five, and closes the connection.
    Cut,
}

pub fn ok(body: &str) -> Reply {
    Reply::Answer(200, Vec::new(), body.to_owned())
}

pub fn status(code: u16) -> Reply {
    Reply::Answer(code, Vec::new(), String::new())
}

/// A backend and what it has seen.
pub struct Origin {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Origin {
    /// A backend that does what `reply` says for a request and its number, from 0.
    pub fn new(reply: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (record, reply) = (Arc::clone(&seen), Arc::new(reply));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (record, reply) = (Arc::clone(&record), Arc::clone(&reply));
                thread::spawn(move || converse(stream, &record, &*reply));
            }
        });
        Self { address, seen }
    }

    /// A backend that answers 200 with its name.
    pub fn named(name: &'static str) -> Self {
        Self::new(move |_, _| ok(name))
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn last(&self) -> Seen {
        self.seen().pop().expect("a request")
    }
}

fn converse(
    mut stream: TcpStream,
    record: &Mutex<Vec<Seen>>,
    reply: &(dyn Fn(&Seen, usize) -> Reply + Send + Sync),
) {
    while let Some(request) = read_request(&mut stream) {
        let number = {
            let mut record = record.lock().unwrap();
            record.push(request.clone());
            record.len() - 1
        };
        match reply(&request, number) {
            Reply::Close => return,
            Reply::Cut => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfirst");
                return;
            }
            Reply::Hang => {
                let _ = stream.read(&mut [0]);
                return;
            }
            Reply::Answer(status, fields, body) => {
                let mut head = format!("HTTP/1.1 {status} Status\r\n");
                for (name, value) in fields {
                    let _ = FmtWrite::write_fmt(&mut head, format_args!("{name}: {value}\r\n"));
                }
                if status != 204 {
                    let _ =
                        FmtWrite::write_fmt(&mut head, format_args!("content-length: {}\r\n", body.len()));
                }
                if stream.write_all(format!("{head}\r\n{body}").as_bytes()).is_err() {
                    return;
                }
            }
        }
    }
}

fn read_head(stream: &mut impl Read) -> Option<(String, Vec<(String, String)>)> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().lines();
    let first = lines.next()?.to_owned();
    let fields = lines
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        })
        .collect();
    Some((first, fields))
}

fn joined(fields: &[(String, String)], name: &str) -> Option<String> {
    let values: Vec<&str> = fields
        .iter()
        .filter(|(field, _)| field == name)
        .map(|(_, value)| value.as_str())
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

fn read_body(stream: &mut impl Read, fields: &[(String, String)]) -> Option<Vec<u8>> {
    if joined(fields, "transfer-encoding").is_some() {
        let mut body = Vec::new();
        loop {
            let mut line = Vec::new();
            while !line.ends_with(b"\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).ok()?;
                line.push(byte[0]);
            }
            let size = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16).unwrap();
            let mut chunk = vec![0; size + 2];
            stream.read_exact(&mut chunk).ok()?;
            if size == 0 {
                return Some(body);
            }
            body.extend_from_slice(&chunk[..size]);
        }
    }
    let length = joined(fields, "content-length").map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

fn read_request(stream: &mut TcpStream) -> Option<Seen> {
    let (line, fields) = read_head(stream)?;
    let body = read_body(stream, &fields)?;
    Some(Seen {
        line: line.trim_end_matches(" HTTP/1.1").to_owned(),
        fields,
        body,
    })
}

/// A response as the client saw it.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: String,
}

impl Response {
    pub fn field(&self, name: &str) -> Option<String> {
        joined(&self.fields, name)
    }
}

/// A running proxy with an HTTP listener `http`.
pub struct Stage {
    pub proxy: Proxy,
    pub port: u16,
    pub world: World,
}

impl Stage {
    /// A proxy with what `build` makes of an empty load balancer with one HTTP listener.
    pub fn new(build: impl Fn(&mut World)) -> Self {
        Self::with(options(), build)
    }

    pub fn with(options: ProxyOptions, build: impl Fn(&mut World)) -> Self {
        let proxy = Proxy::start(options).unwrap();
        // Another test may take a free port before it is bound: then another one.
        for _ in 0..10 {
            let port = crate::net::world::free_port();
            let mut world = World::new("filters");
            world.http("http", port);
            build(&mut world);
            let report = proxy.apply(&[world.placement()]);
            assert!(report.refusals.is_empty(), "{report:?}");
            let failure = report
                .listeners
                .iter()
                .find_map(|outcome| outcome.failure.as_ref());
            match failure {
                None => return Self { proxy, port, world },
                Some(failure) => {
                    assert_eq!(
                        failure.reason,
                        FailureReason::PortInUseByOtherProcess,
                        "{failure:?}"
                    );
                }
            }
        }
        panic!("no free port");
    }

    /// Applies a changed load balancer.
    pub fn change(&mut self, change: impl FnOnce(&mut World)) {
        change(&mut self.world);
        let report = self.proxy.apply(&[self.world.placement()]);
        assert!(report.refusals.is_empty(), "{report:?}");
    }

    pub fn get(&self, target: &str) -> Response {
        self.send("GET", target, &[], "")
    }

    pub fn send(&self, method: &str, target: &str, fields: &[(&str, &str)], body: &str) -> Response {
        self.try_send(method, target, fields, body).expect("a response")
    }

    pub fn try_send(
        &self,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: &str,
    ) -> Option<Response> {
        let mut stream = connect(local(self.port));
        let mut request = format!("{method} {target} HTTP/1.1\r\nconnection: close\r\n");
        if !fields.iter().any(|(name, _)| *name == "host") {
            request.push_str("host: shop.example\r\n");
        }
        for (name, value) in fields {
            let _ = FmtWrite::write_fmt(&mut request, format_args!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            let _ = FmtWrite::write_fmt(&mut request, format_args!("content-length: {}\r\n", body.len()));
        }
        stream
            .write_all(format!("{request}\r\n{body}").as_bytes())
            .unwrap();
        let (line, fields) = read_head(&mut stream)?;
        let body = read_body(&mut stream, &fields)?;
        Some(Response {
            status: line[9..12].parse().unwrap(),
            fields,
            body: String::from_utf8(body).unwrap(),
        })
    }

    /// The value of a metric.
    pub fn metric(&self, series: &str) -> u64 {
        self.proxy
            .shared()
            .observer
            .metrics_text()
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' ').map(str::to_owned))
            .map_or(0, |value| value.parse().unwrap())
    }
}

/// A route `/` with one rule to backends of equal names and weights.
pub fn route(world: &mut World, backends: &[(&str, SocketAddr)], edit: impl FnOnce(&mut HttpRule)) {
    for (name, address) in backends {
        world.backend(name, &[*address], None);
    }
    let names: Vec<(&str, u32)> = backends.iter().map(|(name, _)| (*name, 1)).collect();
    world.route("route", "http", "", prefix("/"), &names);
    edit_rule(world, edit);
}

/// Changes the rule of the route that [`route`] made.
pub fn edit_rule(world: &mut World, edit: impl FnOnce(&mut HttpRule)) {
    let key = RouteKey {
        kind: RouteKind::Http,
        object: ObjectName::new("test", "route"),
    };
    let route = Arc::make_mut(world.0.http_routes.get_mut(&key).unwrap());
    edit(Arc::make_mut(&mut route.rules[0]));
}

pub fn set(name: &str, value: &str) -> HeaderModifier {
    HeaderModifier {
        set: vec![(name.into(), value.into())],
        ..HeaderModifier::default()
    }
}

pub fn set_request(name: &str, value: &str) -> HttpFilter {
    HttpFilter::RequestHeaders(set(name, value).into())
}

pub fn set_response(name: &str, value: &str) -> HttpFilter {
    HttpFilter::ResponseHeaders(set(name, value).into())
}

/// An address where nobody listens.
pub fn nobody() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap()
}

/// Repeats `probe` until it holds.
pub fn until(what: &str, mut probe: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while !probe() {
        assert!(std::time::Instant::now() < deadline, "not in time: {what}");
        thread::sleep(std::time::Duration::from_millis(5));
    }
}
