//! Network Load Balancers.

use super::world::{World, until};
use crate::traffic::config::{HealthCheck, Kind, Listener, Rule, Target, TargetGroup};
use crate::traffic::{State, TargetHealth};
use serde_json::json;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

/// A target that answers each piece with its name, the address that it sees, and the piece; of connections without data
/// (checks) it takes no notice.
struct Echo {
    at: SocketAddr,
    served: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Echo {
    async fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let socket = UdpSocket::bind(at).await.unwrap();
        let served = Arc::new(AtomicUsize::new(0));
        let counted = served.clone();
        let connections = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            loop {
                let (mut stream, peer) = listener.accept().await.unwrap();
                let counted = counted.clone();
                open.spawn(async move {
                    let mut buffer = [0; 1024];
                    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                        counted.fetch_add(1, Ordering::Relaxed);
                        let mut answer = format!("{name} {} ", peer.ip()).into_bytes();
                        answer.extend(&buffer[..length]);
                        if stream.write_all(&answer).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        let counted = served.clone();
        let datagrams = tokio::spawn(async move {
            let mut buffer = [0; 1024];
            loop {
                let Ok((length, peer)) = socket.recv_from(&mut buffer).await else {
                    continue;
                };
                counted.fetch_add(1, Ordering::Relaxed);
                let mut answer = format!("{name} {} ", peer.ip()).into_bytes();
                answer.extend(&buffer[..length]);
                let _ = socket.send_to(&answer, peer).await;
            }
        });
        Self {
            at,
            served,
            tasks: vec![connections, datagrams],
        }
    }
}

fn target(echo: &Echo) -> Target {
    Target {
        id: echo.at.ip().to_string(),
        port: echo.at.port(),
        server: None,
        address: Some(echo.at.ip()),
        draining: false,
    }
}

fn group(protocol: &str, echoes: &[&Echo]) -> TargetGroup {
    TargetGroup {
        protocol: protocol.to_owned(),
        protocol_version: None,
        health: HealthCheck {
            version: None,
            enabled: true,
            protocol: "TCP".to_owned(),
            port: None,
            path: String::new(),
            interval_ms: 20,
            timeout_ms: 2_000,
            healthy: 2,
            unhealthy: 2,
            http_codes: String::new(),
            grpc_codes: String::new(),
        },
        attributes: BTreeMap::new(),
        functions: None,
        targets: echoes.iter().map(|echo| target(echo)).collect(),
    }
}

fn listener(port: u16, protocol: &str, groups: &[(&str, u32)]) -> Listener {
    let tuples: Vec<_> = groups
        .iter()
        .map(|(arn, weight)| json!({"TargetGroupArn": arn, "Weight": weight}))
        .collect();
    let rules: Vec<Rule> = serde_json::from_value(json!([{
        "RuleArn": "default", "Priority": "default",
        "Actions": [{"Type": "forward", "ForwardConfig": {"TargetGroups": tuples}}],
    }]))
    .unwrap();
    Listener {
        arn: format!("listener-{port}-{protocol}"),
        port,
        protocol: protocol.to_owned(),
        ssl_policy: None,
        alpn: None,
        certificates: Vec::new(),
        clients: None,
        attributes: BTreeMap::new(),
        rules,
    }
}

async fn world(listeners: impl FnOnce(u16) -> Vec<Listener>, groups: Vec<(&str, TargetGroup)>) -> World {
    let mut world = World::start(json!([])).await;
    let port = world.at.port();
    let balancer = world.balancer();
    balancer.kind = Kind::Network;
    balancer.listeners = listeners(port);
    for (arn, group) in groups {
        world.add_group(arn, group);
    }
    world.publish().await;
    world
}

async fn wait_for(world: &World, arn: &str, echo: &Echo, state: State) {
    let health = || world.health.state(arn, &echo.at.ip().to_string(), echo.at.port());
    until(
        &format!("{arn} {state:?}"),
        || matches!(health(), Some(TargetHealth { state: now, .. }) if now == state),
    )
    .await;
}

/// A client from an address of its own.
async fn connect(from: [u8; 4], to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(IpAddr::from(from), 0))?;
    socket.connect(to).await
}

async fn ask(stream: &mut TcpStream, text: &str) -> std::io::Result<String> {
    stream.write_all(text.as_bytes()).await?;
    let mut buffer = [0; 1024];
    let length = timeout(PATIENCE, stream.read(&mut buffer)).await??;
    if length == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

#[tokio::test]
async fn connections_reach_targets_from_the_load_balancer_or_from_the_client() {
    let echo = Echo::start("a").await;
    let mut world = world(
        |port| vec![listener(port, "TCP", &[("tg", 1)])],
        vec![("tg", group("TCP", &[&echo]))],
    )
    .await;
    wait_for(&world, "tg", &echo, State::Healthy).await;
    let mut client = connect([127, 0, 0, 77], world.at).await.unwrap();
    let own = world.at.ip();
    assert_eq!(ask(&mut client, "x").await.unwrap(), format!("a {own} x"));
    world
        .group("tg")
        .attributes
        .insert("preserve_client_ip.enabled".to_owned(), "true".to_owned());
    world.publish().await;
    // "Changes of client IP preservation take effect for new connections alone."
    assert_eq!(ask(&mut client, "y").await.unwrap(), format!("a {own} y"));
    let mut client = connect([127, 0, 0, 77], world.at).await.unwrap();
    assert_eq!(ask(&mut client, "z").await.unwrap(), "a 127.0.0.77 z");
}

/// <https://www.haproxy.org/download/1.8/doc/proxy-protocol.txt>, 2.2.
#[tokio::test]
async fn the_proxy_protocol_tells_who_the_client_is() {
    let echo = Echo::start("a").await;
    let mut with_header = group("TCP", &[&echo]);
    with_header
        .attributes
        .insert("proxy_protocol_v2.enabled".to_owned(), "true".to_owned());
    let world = world(
        |port| vec![listener(port, "TCP", &[("tg", 1)])],
        vec![("tg", with_header)],
    )
    .await;
    wait_for(&world, "tg", &echo, State::Healthy).await;
    let mut client = connect([127, 0, 0, 78], world.at).await.unwrap();
    let port = client.local_addr().unwrap().port().to_be_bytes();
    let mut buffer = [0; 256];
    let length = timeout(PATIENCE, client.read(&mut buffer))
        .await
        .unwrap()
        .unwrap();
    let told = &buffer[..length];
    let head = told.iter().position(|byte| *byte == b'\r').unwrap();
    let header = &told[head..];
    assert_eq!(&header[..12], b"\r\n\r\n\0\r\nQUIT\n");
    assert_eq!(&header[12..16], &[0x21, 0x11, 0, 12]);
    assert_eq!(&header[16..20], &[127, 0, 0, 78]);
    let IpAddr::V4(own) = world.at.ip() else {
        unreachable!()
    };
    assert_eq!(&header[20..24], &own.octets());
    assert_eq!(&header[24..26], &port);
    assert_eq!(&header[26..28], &world.at.port().to_be_bytes());
}

/// network/load-balancer-listeners, "Listener rules": by priority, the default action when none fits.
#[tokio::test]
async fn rules_lead_clients_by_the_type_of_their_addresses() {
    let (four, six, other) = (
        Echo::start("four").await,
        Echo::start("six").await,
        Echo::start("other").await,
    );
    let rules = |kinds: &[&str]| -> Vec<Rule> {
        let of = |(index, kind): (usize, &&str)| {
            json!({
                "RuleArn": format!("rule-{kind}"), "Priority": (index + 1).to_string(),
                "Conditions": [{"Field": "source-ip", "SourceIpConfig": {"IpAddressType": kind}}],
                "Actions": [{"Type": "forward", "TargetGroupArn": kind}],
            })
        };
        let rules: Vec<_> = kinds.iter().enumerate().map(of).collect();
        serde_json::from_value(json!(rules)).unwrap()
    };
    let mut world = world(
        |port| {
            let mut listener = listener(port, "TCP", &[("other", 1)]);
            listener.rules.extend(rules(&["ipv6", "ipv4"]));
            vec![listener]
        },
        vec![
            ("ipv4", group("TCP", &[&four])),
            ("ipv6", group("TCP", &[&six])),
            ("other", group("TCP", &[&other])),
        ],
    )
    .await;
    for (arn, echo) in [("ipv4", &four), ("ipv6", &six), ("other", &other)] {
        wait_for(&world, arn, echo, State::Healthy).await;
    }
    let asked = async |world: &World| {
        let mut client = TcpStream::connect(world.at).await.unwrap();
        ask(&mut client, "x").await.unwrap()
    };
    assert!(asked(&world).await.starts_with("four "));
    world.balancer().listeners[0].rules.pop();
    world.publish().await;
    assert!(asked(&world).await.starts_with("other "));
}

#[tokio::test]
async fn weights_share_connections() {
    let (one, two, idle) = (
        Echo::start("one").await,
        Echo::start("two").await,
        Echo::start("idle").await,
    );
    let world = world(
        |port| vec![listener(port, "TCP", &[("one", 3), ("two", 1), ("idle", 0)])],
        vec![
            ("one", group("TCP", &[&one])),
            ("two", group("TCP", &[&two])),
            ("idle", group("TCP", &[&idle])),
        ],
    )
    .await;
    for (arn, echo) in [("one", &one), ("two", &two), ("idle", &idle)] {
        wait_for(&world, arn, echo, State::Healthy).await;
    }
    for _ in 0..400 {
        let mut client = TcpStream::connect(world.at).await.unwrap();
        ask(&mut client, "x").await.unwrap();
    }
    let served = |echo: &Echo| echo.served.load(Ordering::Relaxed);
    assert_eq!(served(&one) + served(&two), 400);
    // Three of four, within five standard deviations of the binomial distribution.
    assert!((257..=343).contains(&served(&one)), "{}", served(&one));
    assert_eq!(served(&idle), 0);
}

#[tokio::test]
async fn only_unhealthy_targets_are_better_than_none() {
    let echo = Echo::start("a").await;
    let mut failing = group("TCP", &[&echo]);
    failing.health.port = Some(1);
    let mut world = world(
        |port| vec![listener(port, "TCP", &[("tg", 1)])],
        vec![("tg", failing)],
    )
    .await;
    wait_for(&world, "tg", &echo, State::Unhealthy).await;
    let mut client = TcpStream::connect(world.at).await.unwrap();
    assert!(ask(&mut client, "x").await.unwrap().starts_with("a "));
    world.group("tg").targets.clear();
    world.publish().await;
    // Without any target the connection is reset.
    let mut client = TcpStream::connect(world.at).await.unwrap();
    assert!(ask(&mut client, "x").await.is_err());
}

/// network/edit-target-group-attributes, "Deregistration delay".
#[tokio::test]
async fn a_target_that_goes_keeps_its_connections_for_the_delay_or_longer() {
    let (stays, goes) = (Echo::start("stays").await, Echo::start("goes").await);
    let mut world = world(
        |port| vec![listener(port, "TCP", &[("tg", 1)])],
        vec![("tg", group("TCP", &[&goes]))],
    )
    .await;
    wait_for(&world, "tg", &goes, State::Healthy).await;
    let mut old = TcpStream::connect(world.at).await.unwrap();
    ask(&mut old, "1").await.unwrap();
    let both = world.group("tg");
    both.targets[0].draining = true;
    both.targets.push(target(&stays));
    world.publish().await;
    wait_for(&world, "tg", &stays, State::Healthy).await;
    for _ in 0..8 {
        let mut new = TcpStream::connect(world.at).await.unwrap();
        assert!(ask(&mut new, "x").await.unwrap().starts_with("stays "));
    }
    assert!(ask(&mut old, "2").await.unwrap().starts_with("goes "));
    // The delay is over: without connection termination the connection goes on.
    world.group("tg").targets.remove(0);
    world.publish().await;
    assert!(ask(&mut old, "3").await.unwrap().starts_with("goes "));
    // With it, the next one to go takes its connections along.
    let mut old = TcpStream::connect(world.at).await.unwrap();
    ask(&mut old, "4").await.unwrap();
    let group = world.group("tg");
    group.attributes.insert(
        "deregistration_delay.connection_termination.enabled".to_owned(),
        "true".to_owned(),
    );
    group.targets.clear();
    world.publish().await;
    let mut buffer = [0; 8];
    let ended = timeout(PATIENCE, old.read(&mut buffer)).await.unwrap();
    assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
}

#[tokio::test]
async fn connections_of_a_target_that_fails_its_checks_end() {
    let echo = Echo::start("a").await;
    let mut world = world(
        |port| vec![listener(port, "TCP", &[("tg", 1)])],
        vec![("tg", group("TCP", &[&echo]))],
    )
    .await;
    wait_for(&world, "tg", &echo, State::Healthy).await;
    let mut client = TcpStream::connect(world.at).await.unwrap();
    ask(&mut client, "x").await.unwrap();
    world.group("tg").health.port = Some(1);
    world.publish().await;
    wait_for(&world, "tg", &echo, State::Unhealthy).await;
    let mut buffer = [0; 8];
    let ended = timeout(PATIENCE, client.read(&mut buffer)).await.unwrap();
    assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
}

#[tokio::test]
async fn datagrams_of_one_client_go_to_one_target_and_both_kinds_share_a_port() {
    let (one, two) = (Echo::start("one").await, Echo::start("two").await);
    let mut world = world(
        |port| vec![listener(port, "TCP_UDP", &[("tg", 1)])],
        vec![("tg", group("TCP_UDP", &[&one, &two]))],
    )
    .await;
    for echo in [&one, &two] {
        wait_for(&world, "tg", echo, State::Healthy).await;
    }
    let mut names = std::collections::BTreeSet::new();
    for client in 0..24_u8 {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        socket.connect(world.at).await.unwrap();
        let mut own = std::collections::BTreeSet::new();
        for _ in 0..3 {
            socket.send(&[client]).await.unwrap();
            let mut buffer = [0; 64];
            let length = timeout(PATIENCE, socket.recv(&mut buffer))
                .await
                .unwrap()
                .unwrap();
            own.insert(
                buffer[..length]
                    .split(|byte| *byte == b' ')
                    .next()
                    .unwrap()
                    .to_vec(),
            );
        }
        assert_eq!(own.len(), 1, "a flow stays with its target");
        names.append(&mut own);
    }
    assert_eq!(names.len(), 2);
    let mut stream = TcpStream::connect(world.at).await.unwrap();
    ask(&mut stream, "x").await.unwrap();
    // The port is closed to both when its listener goes.
    world.balancer().listeners.clear();
    world.publish().await;
    assert!(TcpStream::connect(world.at).await.is_err());
    assert!(UdpSocket::bind(world.at).await.is_ok());
}

#[tokio::test]
async fn datagrams_of_quic_find_the_server_that_they_name() {
    let (one, two) = (Echo::start("one").await, Echo::start("two").await);
    let mut servers = group("QUIC", &[&one, &two]);
    servers.targets[0].server = Some("0x00000000000000a1".to_owned());
    servers.targets[1].server = Some("0x00000000000000a2".to_owned());
    let world = world(
        |port| vec![listener(port, "QUIC", &[("tg", 1)])],
        vec![("tg", servers)],
    )
    .await;
    for echo in [&one, &two] {
        wait_for(&world, "tg", echo, State::Healthy).await;
    }
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    socket.connect(world.at).await.unwrap();
    // A short header: one byte, then the connection id that holds the server's.
    for (server, name) in [(0xa1, "one"), (0xa2, "two"), (0xa1, "one")] {
        let datagram = [0x40, 0, 0, 0, 0, 0, 0, 0, 0, server, 9, 9];
        socket.send(&datagram).await.unwrap();
        let mut buffer = [0; 64];
        let length = timeout(PATIENCE, socket.recv(&mut buffer))
            .await
            .unwrap()
            .unwrap();
        assert!(buffer[..length].starts_with(name.as_bytes()), "{name}");
    }
}

/// Addresses of its own beside the one that its name leads to.
#[tokio::test]
async fn elastic_addresses_serve_as_well() {
    let echo = Echo::start("a").await;
    let mut world = world(
        |port| vec![listener(port, "TCP", &[("tg", 1)])],
        vec![("tg", group("TCP", &[&echo]))],
    )
    .await;
    wait_for(&world, "tg", &echo, State::Healthy).await;
    let IpAddr::V4(own) = world.at.ip() else {
        unreachable!()
    };
    let [.., third, last] = own.octets();
    let further = IpAddr::from([127, 40, third, last]);
    world.balancer().further = vec![further];
    world.publish().await;
    let mut client = TcpStream::connect((further, world.at.port())).await.unwrap();
    assert!(ask(&mut client, "x").await.unwrap().starts_with("a "));
}
