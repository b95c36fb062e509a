//! Resident memory of `gatewright proxy --controller` with many routes, without a cluster: a controller's
//! server in this process feeds the real program over the real stream.
//!
//! ```text
//! cargo bench -p gatewright --no-default-features --bench resident
//! cargo bench -p gatewright --no-default-features --bench resident -- --routes 40000 --sets 2500 --rules 1
//! cargo bench --profile quick-release -p gatewright --no-default-features --bench resident
//! ```
//!
//! The routes are those of gateway-api-bench: a hostname of its own each, rules with a filter each, the last of
//! several rules with a backend that is missing. `--no-default-features` is what the proxy's image is built with.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use clap::Parser;
use futures_util::future::BoxFuture;
use gatewright_model::LoadBalancer;
use gatewright_model::backend::{Backend, BackendTarget, Endpoint, Endpoints, WeightedBackend};
use gatewright_model::filter::{HeaderModifier, HttpFilter};
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::{
    BackendKey, BackendKind, ListenerKey, ListenerParent, ObjectName, RouteKey, RouteKind,
};
use gatewright_model::listener::{Listener, Protocol};
use gatewright_model::route::{Attachment, HttpMatch, HttpRoute, HttpRule, PathMatch, RouteHost};
use gatewright_stream::server::{Admission, ConfigServer, Denied, Identity, ServerOptions};
use gatewright_stream::settings::PortMapping;
use gatewright_stream::{GatewaySettings, Scope, Transport, tls};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::watch;

/// Port of every listener.
const LISTENER_PORT: u16 = 80;

#[derive(Parser)]
struct Args {
    /// HTTPRoutes.
    #[arg(long, default_value_t = 5000)]
    routes: usize,
    /// ListenerSets with one listener each that the routes are attached to in turn; 0 attaches all to the one
    /// listener of the Gateway.
    #[arg(long, default_value_t = 0)]
    sets: usize,
    /// Rules of each route.
    #[arg(long, default_value_t = 2)]
    rules: u32,
    /// Measurements.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The routes come in so many steps, each acknowledged before the next.
    #[arg(long, default_value_t = 100)]
    steps: usize,
    /// Every route is changed so many times before the measurement, in as many steps each time.
    #[arg(long, default_value_t = 0)]
    changes: usize,
    /// Another program than the one built with this bench.
    #[arg(long, value_name = "FILE", default_value = env!("CARGO_BIN_EXE_gatewright"))]
    program: String,
    /// A command line that runs the program, to look at it closer.
    #[arg(long, value_name = "COMMAND")]
    under: Option<String>,
    /// Cargo says that this is a bench.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let args = Args::parse();
    let (mut resident, mut anonymous) = (Vec::new(), Vec::new());
    for round in 1..=args.rounds {
        let found = measure(&args);
        println!(
            "round {round}: resident {:.1} MiB (anonymous {:.1}, file {:.1}, peak {:.1}), converged in {:?}",
            mib(found.resident),
            mib(found.anonymous),
            mib(found.file),
            mib(found.peak),
            found.converged
        );
        resident.push(found.resident);
        anonymous.push(found.anonymous);
    }
    resident.sort_unstable();
    anonymous.sort_unstable();
    let median = |list: &[u64]| mib(list.get(list.len() / 2).copied().unwrap_or_default());
    println!(
        "{} routes with {} rules, {} listener sets: resident MiB {:.1}, anonymous MiB {:.1}",
        args.routes,
        args.rules,
        args.sets,
        median(&resident),
        median(&anonymous)
    );
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

struct Found {
    resident: u64,
    anonymous: u64,
    file: u64,
    peak: u64,
    converged: Duration,
}

fn measure(args: &Args) -> Found {
    let files = TempDir::new().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (server, port) = serve(files.path(), &runtime);
    let bound = free_port();
    let settings = Arc::new(GatewaySettings {
        ports: vec![PortMapping {
            listener: LISTENER_PORT,
            transport: Transport::Tcp,
            bound,
        }],
        addresses: vec![Ipv4Addr::LOCALHOST.into()],
        ..GatewaySettings::default()
    });
    let scope = Scope::Gateway(gateway());
    let mut whole = balancer(args);
    server.publish(&scope, &Arc::new(whole.clone()), &settings);
    server.open();
    let begun = Instant::now();
    let proxy = Proxy::start(args, files.path(), port);
    let acknowledged = |balancer: &LoadBalancer| {
        let revision = server.publish(&scope, &Arc::new(balancer.clone()), &settings);
        eventually("the acknowledgement", || {
            let outcome = server.outcome(&gateway())?;
            assert!(outcome.listeners.is_empty(), "{:?}", outcome.listeners);
            assert!(outcome.refused.is_empty(), "{:?}", outcome.refused);
            (outcome.ready > 0 && outcome.has(revision)).then_some(())
        });
    };
    let mut all = |change| {
        let mut numbers = 0..args.routes;
        let step = args.routes.div_ceil(args.steps);
        while !numbers.is_empty() {
            put(args, &mut whole, numbers.by_ref().take(step), change);
            acknowledged(&whole);
        }
    };
    all(0);
    let converged = begun.elapsed();
    (1..=args.changes).for_each(all);
    // Acknowledged is in use: 503, because no backend listens; not 404.
    let answer = get(bound, &host(args, args.routes - 1));
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    let state = files.path().join("state/last-good");
    eventually("the last good state", || state.metadata().ok());
    // Written, and freed memory given back.
    std::thread::sleep(Duration::from_secs(3));
    let id = proxy.pid();
    let field = |name: &str| {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap()
    };
    let found = Found {
        resident: field("VmRSS:"),
        anonymous: field("RssAnon:"),
        file: field("RssFile:"),
        peak: field("VmHWM:"),
        converged,
    };
    drop(proxy);
    runtime.shutdown_background();
    found
}

struct Everyone;

impl Admission for Everyone {
    fn authenticate<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Identity, Denied>> {
        Box::pin(async {
            Ok(Identity {
                name: "proxy".to_owned(),
                instance: None,
            })
        })
    }

    fn authorize(&self, _: &Identity, _: &Scope) -> bool {
        true
    }
}

/// A controller's server on loopback.
fn serve(files: &Path, runtime: &tokio::runtime::Runtime) -> (ConfigServer, u16) {
    let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(files.join("ca.crt"), issued.cert.pem()).unwrap();
    std::fs::write(files.join("token"), "good\n").unwrap();
    let key = issued.signing_key.serialize_pem();
    let config = tls::server_config(issued.cert.pem().as_bytes(), key.as_bytes()).unwrap();
    let server = ConfigServer::new(ServerOptions::default());
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = server.clone();
    runtime.spawn(async move {
        let (_keep, config) = watch::channel(config);
        let never = std::future::pending();
        serving.serve(listener, config, Arc::new(Everyone), never).await;
    });
    (server, port)
}

struct Proxy(Child);

impl Proxy {
    fn start(args: &Args, files: &Path, controller: u16) -> Self {
        let mut words = args.under.iter().flat_map(|words| words.split_whitespace());
        let mut command = match words.next() {
            None => Command::new(&args.program),
            Some(under) => {
                let mut command = Command::new(under);
                command.args(words).arg(&args.program);
                command
            }
        };
        command
            .args(["proxy", "--gateway", "bench/edge", "--workers", "1"])
            .args(["--admin", "off", "--grace", "1s", "--drain-accept", "0s"])
            .args(["--controller", &format!("https://localhost:{controller}")])
            .arg("--controller-ca")
            .arg(files.join("ca.crt"))
            .arg("--token")
            .arg(files.join("token"))
            .arg("--state")
            .arg(files.join("state"))
            .stdout(Stdio::null())
            .stderr(if args.under.is_some() {
                Stdio::inherit()
            } else {
                Stdio::null()
            });
        Self(command.spawn().unwrap())
    }

    /// The program itself, below what runs it.
    fn pid(&self) -> u32 {
        let mut id = self.0.id();
        let child = |id: u32| {
            let text = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?;
            text.split_whitespace().next_back()?.parse::<u32>().ok()
        };
        while let Some(below) = child(id) {
            id = below;
        }
        id
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = Command::new("kill")
            .args(["-TERM", &self.pid().to_string()])
            .status();
        let _ = self.0.wait();
    }
}

fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(300), "not in time: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn get(port: u16, host: &str) -> String {
    let mut stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn gateway() -> ObjectName {
    ObjectName::new("bench", "edge")
}

fn echo() -> BackendKey {
    BackendKey {
        kind: BackendKind::Service,
        object: ObjectName::new("bench", "echo"),
        port: 80,
    }
}

fn listener_key(args: &Args, number: usize) -> ListenerKey {
    ListenerKey {
        parent: if args.sets == 0 {
            ListenerParent::Gateway(gateway())
        } else {
            let set = number % args.sets;
            ListenerParent::ListenerSet(ObjectName::new(
                &format!("team-{}", set % 50),
                &format!("set-{set}"),
            ))
        },
        name: "http".into(),
    }
}

fn hostname(args: &Args, set: usize) -> HostPattern {
    if args.sets == 0 {
        HostPattern::Any
    } else {
        HostPattern::parse(&format!("*.set-{set}.bench.example"))
    }
}

fn host(args: &Args, number: usize) -> String {
    match number.checked_rem(args.sets) {
        None => format!("route-{number}.bench.example"),
        Some(set) => format!("route-{number}.set-{set}.bench.example"),
    }
}

/// The load balancer without routes.
fn balancer(args: &Args) -> LoadBalancer {
    let mut balancer = LoadBalancer::bare(gateway(), "software", "gatewright.dev/software");
    for set in 0..args.sets.max(1) {
        let listener = Listener {
            key: listener_key(args, set),
            port: LISTENER_PORT,
            protocol: Protocol::Http,
            hostname: hostname(args, set),
            tls: None,
            filters: Vec::new(),
        };
        balancer
            .listeners
            .insert(listener.key.clone(), Arc::new(listener));
    }
    // Nothing listens on the discard port.
    let backend = Backend::bare(
        echo(),
        Endpoints::Static(vec![Endpoint::at(IpAddr::V4(Ipv4Addr::LOCALHOST), 9)]),
    );
    balancer.backends.insert(backend.key.clone(), Arc::new(backend));
    balancer
}

/// Adds routes as translation makes them, or replaces them.
fn put(args: &Args, balancer: &mut LoadBalancer, numbers: impl Iterator<Item = usize>, change: usize) {
    for number in numbers {
        let route = route(args, number, change);
        balancer.http_routes.insert(route.key.clone(), Arc::new(route));
    }
}

fn route(args: &Args, number: usize, change: usize) -> HttpRoute {
    let name = format!("route-{number}");
    let host = HostPattern::parse(&host(args, number));
    let listener = listener_key(args, number);
    let namespace = match &listener.parent {
        ListenerParent::Gateway(object) | ListenerParent::ListenerSet(object) => object.namespace.clone(),
    };
    let rules = (0..args.rules).map(|index| {
        let missing = index > 0 && index + 1 == args.rules;
        let (path, target) = if missing {
            let words = format!("Service {namespace}/missing does not exist");
            ("/missing".to_owned(), BackendTarget::Invalid(words.into()))
        } else if index == 0 {
            ("/".to_owned(), BackendTarget::Backend(echo()))
        } else {
            (format!("/path-{index}"), BackendTarget::Backend(echo()))
        };
        Arc::new(HttpRule {
            filters: vec![HttpFilter::RequestHeaders(
                HeaderModifier {
                    set: vec![("x-route".into(), format!("{name}-{change}").into())],
                    ..HeaderModifier::default()
                }
                .into(),
            )],
            backends: vec![WeightedBackend {
                target,
                weight: 1,
                filters: Vec::new(),
            }],
            ..HttpRule::bare(index, vec![HttpMatch::of_path(PathMatch::Prefix(path.into()))])
        })
    });
    HttpRoute {
        key: RouteKey {
            kind: RouteKind::Http,
            object: ObjectName::new(&namespace, &name),
        },
        created: 1_700_000_000,
        attachments: vec![Attachment {
            listener,
            hosts: vec![RouteHost {
                effective: host.clone(),
                original: host,
            }],
        }],
        rules: rules.collect(),
    }
}
