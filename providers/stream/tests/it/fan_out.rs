//! Many proxies, one controller.

use crate::harness::*;
use futures_util::StreamExt as _;
use gatewright_model::LoadBalancer;
use gatewright_stream::client::{self, ClientOptions};
use gatewright_stream::key::PartKey;
use gatewright_stream::part::{Content, Digests, Head};
use gatewright_stream::server::ServerOptions;
use gatewright_stream::settings::{GatewaySettings, PortMapping, Transport};
use gatewright_stream::wire::{FromProxy, Hello, Outcome, PROTOCOL, from_controller, from_proxy};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::mpsc;

/// Proxies that hold everything: programs where there is one, else clients.
const WHOLE: usize = 5;
/// Proxies that decode, acknowledge and drop what changes.
const LIGHT: usize = 495;
/// Routes of the Gateway.
const ROUTES: usize = 10_000;
/// Changes, one after the other.
const CHANGES: usize = 40;
/// From the publication to the last acknowledgement, of every change.
const TARGET: Duration = Duration::from_millis(250);
/// Load average of a minute for each core, before the changes, above which the target is told and not judged: so many
/// others work at the same time, and all 500 proxies share the cores with them. What came before (the connections) adds to
/// it for a while, which is why the bound is not lower.
const BUSY: f64 = 1.5;

/// 500 proxies, 10,000 routes, one change: each proxy has decoded it, has it in use and said so. Five are whole: with
/// `GATEWRIGHT_BIN` the program itself. The others are the client's connection, protocol and decoder, and hold nothing,
/// because 500 configurations in one machine's memory are no part of the question. Controller and proxies share
/// this machine's cores.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement; run it alone, in an optimised build"]
async fn one_change_reaches_500_proxies() {
    let pki = Pki::new();
    let controller = Controller::start(&pki, ServerOptions::default()).await;
    let scope = scope_of("gw");
    let mut balancer = balancer("gw", ROUTES);
    // The program refuses what is no certificate.
    balancer.certificates.clear();
    // Several programs share this machine: each has a port of its own.
    let settings = Arc::new(GatewaySettings {
        ports: vec![PortMapping {
            listener: 80,
            transport: Transport::Tcp,
            bound: 0,
        }],
        addresses: vec![Ipv4Addr::LOCALHOST.into()],
        ..GatewaySettings::default()
    });
    let published = Arc::new(balancer.clone());
    let revision = controller.server.publish(&scope, &published, &settings);
    controller.server.open();
    let all = async |proxies: usize, revision| loop {
        controller.server.changed().await;
        let outcomes = controller.server.take_outcomes();
        let mut outcomes = outcomes.iter().filter(|outcome| outcome.has(revision));
        if let Some(outcome) = outcomes.find(|outcome| outcome.ready == proxies) {
            let faults = (&outcome.listeners, &outcome.refused);
            assert!(faults.0.is_empty() && faults.1.is_empty(), "{faults:?}");
            return;
        }
    };
    let patiently = async |proxies, revision| {
        let arrived = tokio::time::timeout(Duration::from_secs(120), all(proxies, revision)).await;
        arrived.expect("not in time");
    };

    let begun = Instant::now();
    let mut whole = Vec::new();
    for number in 0..WHOLE {
        whole.push(Whole::start(&pki, controller.address, &format!("whole-{number}")));
    }
    patiently(WHOLE, revision).await;
    println!("{WHOLE} proxies have {ROUTES} routes after {:?}", begun.elapsed());

    let begun = Instant::now();
    let digest = digest(&balancer, &settings);
    let files = TempDir::new().unwrap();
    let options = options(files.path(), &pki, controller.address.port(), &scope, "");
    let mut light = Vec::new();
    for number in 0..LIGHT {
        let options = ClientOptions {
            instance: format!("light-{number}"),
            ..options.clone()
        };
        light.push(tokio::spawn(follow(options, digest)));
    }
    patiently(WHOLE + LIGHT, revision).await;
    println!("{LIGHT} more are connected after {:?}", begun.elapsed());

    let load = load_average();
    let mut took = Vec::new();
    for number in 0..CHANGES {
        let name = format!("route-{}", number * 97);
        put_route(&mut balancer, "gw", &name, &format!("/{number}"));
        let changed = Arc::new(balancer.clone());
        let begun = Instant::now();
        let revision = controller.server.publish(&scope, &changed, &settings);
        patiently(WHOLE + LIGHT, revision).await;
        took.push(begun.elapsed());
    }
    took.sort();
    let (best, median, worst) = (took[0], took[CHANGES / 2], took[CHANGES - 1]);
    // The target is for each change: the worst of them decides.
    let late = took.iter().filter(|took| **took >= TARGET).count();
    println!(
        "one of {ROUTES} routes changed on {} proxies, {CHANGES} times: best {best:.1?}, median {median:.1?}, worst {worst:.1?}",
        WHOLE + LIGHT
    );
    println!(
        "target {TARGET:?} for every change: {}, {late} of {CHANGES} took longer",
        if worst < TARGET { "reached" } else { "missed" }
    );
    println!(
        "load average of the machine {load} before the changes, {} after them",
        load_average()
    );
    if let Ok(source) = std::env::var("GATEWRIGHT_SOURCE") {
        println!("{source}");
    }
    assert!(light.iter().all(|task| !task.is_finished()), "a client gave up");
    if worst < TARGET {
        return;
    }
    let busy = is_busy(&load, cores());
    assert!(
        busy,
        "the worst took {worst:.1?}, {TARGET:?} are the target, and the machine had time"
    );
    println!(
        "not judged: the load average before the changes was above {:.1}, {BUSY} for each core",
        BUSY * cores() as f64
    );
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Whether others take so much of the machine that times are not ours alone. Where the system does not say, it does not.
fn is_busy(load: &str, cores: usize) -> bool {
    let minute = load.split_whitespace().next();
    let minute: Option<f64> = minute.and_then(|minute| minute.parse().ok());
    minute.is_some_and(|minute| minute > BUSY * cores as f64)
}

#[test]
fn a_machine_is_busy_above_its_bound() {
    assert!(is_busy("3.01 0.00 0.00", 2));
    assert!(!is_busy("3.00 9.00 9.00", 2));
    assert!(!is_busy("", 2));
}

/// Of one, five and fifteen minutes.
fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// A proxy with the whole configuration.
enum Whole {
    Program { child: Child, _files: TempDir },
    Client(Proxy),
}

impl Whole {
    fn start(pki: &Pki, controller: SocketAddr, instance: &str) -> Self {
        let Some(program) = std::env::var_os("GATEWRIGHT_BIN") else {
            return Self::Client(Proxy::start(pki, controller, &scope_of("gw"), instance));
        };
        let files = TempDir::new().unwrap();
        options(files.path(), pki, controller.port(), &scope_of("gw"), instance);
        let child = Command::new(program)
            .args(["proxy", "--gateway", "a/gw", "--workers", "1", "--admin", "off"])
            .args([
                "--controller",
                &format!("https://localhost:{}", controller.port()),
            ])
            .arg("--controller-ca")
            .arg(files.path().join("ca.crt"))
            .arg("--token")
            .arg(files.path().join("token"))
            .env("POD_NAME", instance)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self::Program { child, _files: files }
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        match self {
            Self::Program { child, .. } => {
                let _ = child.kill();
                let _ = child.wait();
            }
            Self::Client(proxy) => proxy.task.abort(),
        }
    }
}

/// The digest of a configuration: whoever shows it is sent nothing of it.
fn digest(balancer: &LoadBalancer, settings: &Arc<GatewaySettings>) -> [u8; 32] {
    fn every<K, V>(
        map: &BTreeMap<K, Arc<V>>,
        content: fn(Arc<V>) -> Content,
    ) -> impl Iterator<Item = Content> {
        map.values().cloned().map(content)
    }
    let contents = [
        Content::Head(Box::new(Head::of(balancer))),
        Content::Settings(Arc::clone(settings)),
    ];
    let contents = contents
        .into_iter()
        .chain(every(&balancer.certificates, Content::Certificate))
        .chain(every(&balancer.backends, Content::Backend))
        .chain(every(&balancer.http_routes, Content::HttpRoute))
        .chain(every(&balancer.stream_routes, Content::StreamRoute))
        .chain(every(&balancer.listeners, Content::Listener));
    let mut digests = Digests::default();
    for content in contents {
        digests.put(&balancer.gateway, &content.key(), &content.encode().unwrap());
    }
    digests.total()
}

/// A client that has the configuration with this digest, and drops what changes once it is decoded.
async fn follow(options: ClientOptions, digest: [u8; 32]) {
    let (outgoing, messages) = mpsc::channel(8);
    let hello = from_proxy::Message::Hello(Hello {
        protocol: PROTOCOL,
        instance: options.instance.clone(),
        version: options.version.clone(),
        scope: options.scope.to_string(),
        digest: bytes::Bytes::copy_from_slice(&digest),
        serving: true,
        ..Hello::default()
    });
    let say = async |message| {
        let message = FromProxy {
            message: Some(message),
        };
        outgoing.send(message).await.unwrap();
    };
    say(hello).await;
    let messages = futures_util::stream::unfold(messages, |mut messages| async move {
        let message = messages.recv().await?;
        Some((message, messages))
    });
    let (mut incoming, _driver) = client::connect(&options, messages.boxed()).await.unwrap();
    // At the end of the test the controller goes.
    while let Ok(Some(message)) = incoming.message().await {
        let changes = match message.message.unwrap() {
            from_controller::Message::Changes(changes) => changes,
            from_controller::Message::Welcome(welcome) => {
                assert_ne!(welcome.base, 0, "the digest is the controller's");
                continue;
            }
        };
        for part in changes.gateways.iter().flat_map(|gateway| &gateway.parts) {
            let key = PartKey::from_wire(part.key.as_ref().unwrap()).unwrap();
            Content::decode(&key, &part.payload).unwrap();
        }
        if let Some(revision) = changes.commit {
            let outcome = Outcome {
                revision,
                faults: Vec::new(),
            };
            say(from_proxy::Message::Outcome(outcome)).await;
        }
    }
}
