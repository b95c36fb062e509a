//! What is measured, and the targets.

use super::manifests::Spread;
use super::peers::{Peer, Port};
use super::report::Sample;
use super::setup::Bench;
use super::target::{Target, at_least, at_most, p99_at_most};
use super::{alone, criterion, datagrams, idle, load, stream};
use anyhow::Result;

/// One scenario.
pub struct Scenario {
    /// Name on the command line.
    pub name: &'static str,
    /// In words.
    pub about: &'static str,
    kind: Kind,
    /// Targets of gatewright.
    pub targets: &'static [Target],
}

enum Kind {
    H1 {
        path: &'static str,
        port: Port,
        connections: u32,
    },
    H2,
    Udp,
    /// One route against ten thousand, the last one hit.
    Routes,
    Idle {
        port: Port,
        connections: u32,
    },
    /// The program alone: resident memory with so many routes.
    Resident(Spread),
    /// The program alone: one changed route among 10,000.
    Change {
        gateways: u32,
    },
    /// The program alone: the quickstart's first answer.
    Start,
    /// The proxy's program alone: resident memory with so much from a controller's stream.
    Stream(stream::Load),
    /// A criterion bench of the core.
    Criterion(&'static criterion::Bench),
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
        targets: &[
            at_least("nginx", 1.0),
            at_least("envoy", 1.9),
            p99_at_most("nginx", 1.0),
        ],
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
        about: "TCP proxying (an HTTP origin behind a TCP listener), 64 connections",
        kind: Kind::H1 {
            path: "/",
            port: Port::Tcp,
            connections: 64,
        },
        targets: &[],
    },
    Scenario {
        name: "udp",
        about: "UDP proxying, 64 source ports, 3 datagrams of 200 bytes in flight each (open-source HAProxy \
                proxies no UDP but syslog)",
        kind: Kind::Udp,
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
        about: "memory per idle keep-alive connection, plain",
        kind: Kind::Idle {
            port: Port::Plain,
            connections: 5000,
        },
        targets: &[at_most(8.0)],
    },
    Scenario {
        name: "idle-tls",
        about: "memory per idle keep-alive connection, TLS",
        kind: Kind::Idle {
            port: Port::Tls,
            connections: 2000,
        },
        targets: &[at_most(16.0)],
    },
    Scenario {
        name: "resident-5k",
        about: "resident memory with 5,000 HTTPRoutes on 1 Gateway, one backend",
        kind: Kind::Resident(Spread {
            routes: 5_000,
            gateways: 1,
            backends: 1,
        }),
        targets: &[at_most(40.0)],
    },
    Scenario {
        name: "resident-15k",
        about: "resident memory with 5,000 HTTPRoutes on 1 Gateway, a Service and an EndpointSlice each",
        kind: Kind::Resident(Spread {
            routes: 5_000,
            gateways: 1,
            backends: 5_000,
        }),
        targets: &[],
    },
    Scenario {
        name: "resident-1",
        about: "resident memory with 1 HTTPRoute",
        kind: Kind::Resident(Spread {
            routes: 1,
            gateways: 1,
            backends: 1,
        }),
        targets: &[],
    },
    Scenario {
        name: "resident-proxy-5k",
        about: "resident memory of a dedicated proxy with 5,000 HTTPRoutes of two rules, a filter each, by the stream",
        kind: Kind::Stream(stream::Load {
            routes: 5_000,
            rules: 2,
            sets: 0,
        }),
        targets: &[at_most(40.0)],
    },
    Scenario {
        name: "resident-proxy-40k",
        about: "resident memory of a dedicated proxy with 40,000 HTTPRoutes over 2,500 ListenerSets, by the stream",
        kind: Kind::Stream(stream::Load {
            routes: 40_000,
            rules: 1,
            sets: 2_500,
        }),
        targets: &[at_most(120.0)],
    },
    Scenario {
        name: "object-100",
        about: "one HTTPRoute changed among 10,000 on 100 Gateways, object to live router (criterion bench)",
        kind: Kind::Criterion(&criterion::Bench {
            package: "gatewright-traffic",
            target: "change",
            group: "object-to-live-router-one-of-10000",
            function: "100-gateways",
        }),
        targets: &[at_most(2.0)],
    },
    Scenario {
        name: "object-1",
        about: "one HTTPRoute changed among 10,000 on 1 Gateway, object to live router (criterion bench)",
        kind: Kind::Criterion(&criterion::Bench {
            package: "gatewright-traffic",
            target: "change",
            group: "object-to-live-router-one-of-10000",
            function: "1-gateways",
        }),
        targets: &[at_most(10.0)],
    },
    Scenario {
        name: "change-100",
        about: "one HTTPRoute changed among 10,000 on 100 Gateways, file to live router",
        kind: Kind::Change { gateways: 100 },
        targets: &[at_most(2.0)],
    },
    Scenario {
        name: "change-1",
        about: "one HTTPRoute changed among 10,000 on 1 Gateway, file to live router",
        kind: Kind::Change { gateways: 1 },
        targets: &[at_most(10.0)],
    },
    Scenario {
        name: "translation",
        about: "full translation of 10,000 HTTPRoutes on 100 Gateways (criterion bench of the core)",
        kind: Kind::Criterion(&criterion::Bench {
            package: "gatewright-core",
            target: "engine",
            group: "full-translation",
            function: "10000-routes-100-gateways",
        }),
        targets: &[at_most(250.0)],
    },
    Scenario {
        name: "start",
        about: "start of the program to the quickstart's first answer",
        kind: Kind::Start,
        targets: &[at_most(50.0)],
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
        let some = |takes_part: &dyn Fn(&Peer) -> bool| {
            peers
                .iter()
                .filter(|peer| takes_part(peer))
                .map(|peer| of(peer, 1, peer.name.to_owned()))
                .collect::<Vec<_>>()
        };
        let ours = |peer: &Peer| peer.name == "gatewright";
        match self.kind {
            Kind::Routes => {
                let mut both = some(&ours);
                both.extend(
                    some(&ours)
                        .into_iter()
                        .map(|one| of(one.peer, 1, format!("{} with 1 route", one.label))),
                );
                if let Some(many) = both.first_mut() {
                    many.routes = 10_000;
                }
                both
            }
            Kind::Resident(_) | Kind::Change { .. } | Kind::Start | Kind::Stream(_) | Kind::Criterion(_) => {
                some(&ours)
            }
            Kind::Udp => some(&|peer| peer.udp),
            Kind::H1 { .. } | Kind::H2 | Kind::Idle { .. } => some(&|_| true),
        }
    }

    /// What the value counts.
    pub const fn unit(&self) -> &'static str {
        match self.kind {
            Kind::H1 { .. } | Kind::H2 | Kind::Routes => "req/s",
            Kind::Udp => "datagrams/s",
            Kind::Idle { .. } => "KiB per connection",
            Kind::Resident(_) | Kind::Stream(_) => "MiB",
            Kind::Change { .. } | Kind::Start | Kind::Criterion(_) => "ms",
        }
    }

    /// All samples of a scenario that makes its own rounds.
    pub fn measure_all(&self, rounds: usize) -> Result<Option<Vec<Sample>>> {
        match self.kind {
            Kind::Criterion(bench) => bench.samples(rounds).map(Some),
            Kind::Stream(load) => load.samples(rounds).map(Some),
            _ => Ok(None),
        }
    }

    /// One measurement.
    pub fn measure(&self, bench: &Bench, contestant: &Contestant, seconds: u64) -> Result<Sample> {
        let peer = contestant.peer;
        match self.kind {
            Kind::Resident(spread) => return alone::resident(bench, spread),
            Kind::Change { gateways } => return alone::change(bench, gateways),
            Kind::Start => return alone::start(bench),
            _ => {}
        }
        let server = bench.start(contestant)?;
        if let Kind::Idle { port, connections } = self.kind {
            return idle::measure(bench, &server, &peer.url(port, "/"), connections);
        }
        let run = |seconds| match self.kind {
            Kind::H1 {
                path,
                port,
                connections,
            } => Ok((load::wrk(&peer.url(port, path), connections, seconds)?, None)),
            Kind::Routes => {
                let path = super::manifests::route_path(contestant.routes - 1);
                Ok((load::wrk(&peer.url(Port::Plain, &path), 64, seconds)?, None))
            }
            Kind::H2 => Ok((load::h2load(bench, &peer.url(Port::Tls, "/"), seconds)?, None)),
            Kind::Udp => {
                let (load, lost) = datagrams::run(peer.port(Port::Udp), seconds)?;
                Ok((load, Some(lost)))
            }
            Kind::Idle { .. }
            | Kind::Resident(_)
            | Kind::Change { .. }
            | Kind::Start
            | Kind::Stream(_)
            | Kind::Criterion(_) => anyhow::bail!("this scenario is measured without load"),
        };
        run(1)?;
        let before = server.cpu_seconds()?;
        let (load, lost) = run(seconds)?;
        let cpu = server.cpu_seconds()? - before;
        Ok(Sample {
            value: load.rate,
            p99_ms: Some(load.p99_ms),
            cpu_us: Some(cpu * 1e6 / load.requests.max(1) as f64),
            lost,
            resident_kib: server.resident_kib()?,
        })
    }
}
