//! What is measured, and the targets.

use super::peers::{Peer, Port};
use super::report::Sample;
use super::setup::Bench;
use super::{idle, load};
use anyhow::Result;

/// One scenario.
pub struct Scenario {
    /// Name on the command line.
    pub name: &'static str,
    /// In words.
    pub about: &'static str,
    kind: Kind,
    /// Targets of gatewright against others, as ratios of the compared value.
    pub targets: &'static [Target],
}

/// What gatewright has to reach.
pub struct Target {
    /// Label of the contestant that it is compared with.
    pub against: &'static str,
    /// Ratio of medians, gatewright over the other.
    pub ratio: f64,
    /// Whether the compared value is better when it is smaller (latency, memory).
    pub smaller_is_better: bool,
}

enum Kind {
    H1 {
        path: &'static str,
        port: Port,
        connections: u32,
    },
    H2,
    /// One route against ten thousand, the last one hit.
    Routes,
    Idle {
        port: Port,
        connections: u32,
    },
}

const fn at_least(against: &'static str, ratio: f64) -> Target {
    Target {
        against,
        ratio,
        smaller_is_better: false,
    }
}

/// All scenarios.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "h1-small",
        about: "HTTP/1.1 keep-alive, 64 connections, small response",
        kind: Kind::H1 {
            path: "/",
            port: Port::Plain,
            connections: 64,
        },
        targets: &[at_least("nginx", 1.0), at_least("envoy", 1.9)],
    },
    Scenario {
        name: "h1-tls",
        about: "HTTP/1.1 over TLS 1.3, keep-alive, 64 connections",
        kind: Kind::H1 {
            path: "/",
            port: Port::Tls,
            connections: 64,
        },
        targets: &[at_least("nginx", 1.05)],
    },
    Scenario {
        name: "h2-tls",
        about: "HTTP/2 over TLS in, HTTP/1.1 out, 8 connections with 16 streams",
        kind: Kind::H2,
        targets: &[at_least("nginx", 1.3)],
    },
    Scenario {
        name: "body-100k",
        about: "HTTP/1.1 keep-alive, 100 KiB responses, tuned buffers",
        kind: Kind::H1 {
            path: "/100k",
            port: Port::Plain,
            connections: 64,
        },
        targets: &[at_least("nginx", 1.0)],
    },
    Scenario {
        name: "tcp",
        about: "TCP proxying (an HTTP origin behind a TCP listener)",
        kind: Kind::H1 {
            path: "/",
            port: Port::Tcp,
            connections: 64,
        },
        targets: &[],
    },
    Scenario {
        name: "routes-10k",
        about: "10,000 routes on one host against 1 route, the last one hit",
        kind: Kind::Routes,
        targets: &[at_least("gatewright with 1 route", 0.97)],
    },
    Scenario {
        name: "idle-plain",
        about: "memory per idle keep-alive connection, plain, KiB",
        kind: Kind::Idle {
            port: Port::Plain,
            connections: 5000,
        },
        targets: &[],
    },
    Scenario {
        name: "idle-tls",
        about: "memory per idle keep-alive connection, TLS, KiB",
        kind: Kind::Idle {
            port: Port::Tls,
            connections: 2000,
        },
        targets: &[],
    },
];

/// One proxy in one configuration.
pub struct Contestant {
    /// The proxy.
    pub peer: &'static Peer,
    /// Routes that it is configured with.
    pub routes: u32,
    label: String,
}

impl Contestant {
    /// Name in the report.
    pub fn label(&self) -> String {
        self.label.clone()
    }
}

impl Scenario {
    /// Who takes part.
    pub fn contestants(&self, peers: &[&'static Peer]) -> Vec<Contestant> {
        let of = |peer: &'static Peer, routes, label: String| Contestant { peer, routes, label };
        match self.kind {
            Kind::Routes => peers
                .iter()
                .filter(|peer| peer.name == "gatewright")
                .flat_map(|peer| {
                    let label = |routes: &str| format!("{} with {routes}", peer.name);
                    [
                        of(peer, 10_000, "gatewright".to_owned()),
                        of(peer, 1, label("1 route")),
                    ]
                })
                .collect(),
            _ => peers
                .iter()
                .map(|peer| of(peer, 1, peer.name.to_owned()))
                .collect(),
        }
    }

    /// Whether the compared value is memory per connection instead of requests per second.
    pub fn is_memory(&self) -> bool {
        matches!(self.kind, Kind::Idle { .. })
    }

    /// One measurement.
    pub fn measure(&self, bench: &Bench, contestant: &Contestant, seconds: u64) -> Result<Sample> {
        let server = bench.start(contestant)?;
        let peer = contestant.peer;
        if let Kind::Idle { port, connections } = self.kind {
            return idle::measure(bench, &server, &peer.url(port, "/"), connections);
        }
        let run = |seconds| match self.kind {
            Kind::H1 {
                path,
                port,
                connections,
            } => load::wrk(&peer.url(port, path), connections, seconds),
            Kind::Routes => {
                let path = super::manifests::route_path(contestant.routes - 1);
                load::wrk(&peer.url(Port::Plain, &path), 64, seconds)
            }
            Kind::H2 => load::h2load(bench, &peer.url(Port::Tls, "/"), seconds),
            Kind::Idle { .. } => unreachable_idle(),
        };
        run(1)?;
        let before = server.cpu_seconds()?;
        let load = run(seconds)?;
        let cpu = server.cpu_seconds()? - before;
        Ok(Sample {
            value: load.rate,
            p99_ms: Some(load.p99_ms),
            cpu_us: Some(cpu * 1e6 / load.requests.max(1) as f64),
            resident_kib: server.resident_kib()?,
        })
    }
}

fn unreachable_idle() -> Result<load::Load> {
    anyhow::bail!("idle scenarios are measured without load")
}
