//! `gatewright proxy --controller`: from the stream to traffic, readiness, restart, end.

use futures_util::future::BoxFuture;
use gatewright_model::LoadBalancer;
use gatewright_model::filter::{HttpFilter, Redirect};
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::{ListenerKey, ListenerParent, ObjectName, RouteKey, RouteKind};
use gatewright_model::listener::{Listener, Protocol};
use gatewright_model::route::{Attachment, HttpMatch, HttpRoute, HttpRule, PathMatch, RouteHost};
use gatewright_stream::server::{Admission, ConfigServer, Denied, Identity, ServerOptions};
use gatewright_stream::settings::PortMapping;
use gatewright_stream::{GatewaySettings, Scope, Transport, tls};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::{oneshot, watch};

struct Everyone;

impl Admission for Everyone {
    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Identity, Denied>> {
        Box::pin(async move {
            if token != "good" {
                return Err(Denied::Token("unknown".to_owned()));
            }
            Ok(Identity {
                name: "proxy".to_owned(),
                instance: Some("pod-1".to_owned()),
            })
        })
    }

    fn authorize(&self, _: &Identity, _: &Scope) -> bool {
        true
    }
}

struct Controller {
    server: ConfigServer,
    port: u16,
    runtime: Runtime,
    stop: oneshot::Sender<()>,
}

fn controller(files: &Path) -> Controller {
    let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(files.join("ca.crt"), issued.cert.pem()).unwrap();
    std::fs::write(files.join("token"), "good\n").unwrap();
    let key = issued.signing_key.serialize_pem();
    let config = tls::server_config(issued.cert.pem().as_bytes(), key.as_bytes()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let server = ConfigServer::new(ServerOptions::default());
    let (stop, stopped) = oneshot::channel();
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = server.clone();
    runtime.spawn(async move {
        let (_keep, config) = watch::channel(config);
        let stopped = async move { stopped.await.unwrap_or_default() };
        serving.serve(listener, config, Arc::new(Everyone), stopped).await;
    });
    Controller {
        server,
        port,
        runtime,
        stop,
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// One listener on port 80 that redirects everything to a path.
fn balancer(path: &str) -> Arc<LoadBalancer> {
    let gateway = ObjectName::new("shop", "edge");
    let key = ListenerKey {
        parent: ListenerParent::Gateway(gateway.clone()),
        name: "web".into(),
    };
    let listener = Listener {
        key: key.clone(),
        port: 80,
        protocol: Protocol::Http,
        hostname: HostPattern::Any,
        tls: None,
        filters: Vec::new(),
    };
    let route = HttpRoute {
        key: RouteKey {
            kind: RouteKind::Http,
            object: ObjectName::new("shop", "route"),
        },
        created: 1,
        attachments: vec![Attachment {
            listener: key.clone(),
            hosts: vec![RouteHost {
                effective: HostPattern::Any,
                original: HostPattern::Any,
            }],
        }],
        rules: vec![Arc::new(HttpRule {
            filters: vec![HttpFilter::Redirect(
                Redirect {
                    scheme: None,
                    hostname: None,
                    path: Some(gatewright_model::filter::PathModifier::ReplaceFullPath(
                        path.into(),
                    )),
                    port: None,
                    status: 302,
                }
                .into(),
            )],
            ..HttpRule::bare(0, vec![HttpMatch::of_path(PathMatch::Prefix("/".into()))])
        })],
    };
    Arc::new(LoadBalancer {
        listeners: BTreeMap::from([(key, Arc::new(listener))]),
        http_routes: BTreeMap::from([(route.key.clone(), Arc::new(route))]),
        ..LoadBalancer::bare(gateway, "software", "gatewright.dev/software")
    })
}

struct Proxy(Child);

impl Proxy {
    fn start(files: &Path, controller: u16, admin: u16) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatewright"));
        command
            .arg("proxy")
            .args(["--controller", &format!("https://localhost:{controller}")])
            .args([
                "--gateway",
                "shop/edge",
                "--workers",
                "1",
                "--grace",
                "2s",
                "--drain-accept",
                "500ms",
            ])
            .args(["--admin", &format!("127.0.0.1:{admin}")])
            .arg("--controller-ca")
            .arg(files.join("ca.crt"))
            .arg("--token")
            .arg(files.join("token"))
            .arg("--state")
            .arg(files.join("state"))
            .stdout(Stdio::null())
            .stderr(Stdio::inherit());
        Self(command.spawn().unwrap())
    }

    fn terminate(&self) {
        let id = self.0.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .unwrap()
                .success()
        );
    }

    fn wait(mut self) -> Option<i32> {
        eventually("the process ends", || self.0.try_wait().unwrap()).code()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "not in time: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn get(port: u16, host: &str, path: &str) -> Option<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn redirects(port: u16, to: &str) -> Option<()> {
    let answer = get(port, "a.example", "/")?.to_ascii_lowercase();
    answer
        .contains(&format!("location: http://a.example{to}\r\n"))
        .then_some(())
}

#[test]
fn a_proxy_serves_what_its_controller_says_and_goes_on_without_it() {
    let files = TempDir::new().unwrap();
    let controller = controller(files.path());
    let (traffic, admin) = (free_port(), free_port());
    let settings = Arc::new(GatewaySettings {
        parameters: Some(r#"{"limits":{"headerBytes":8192}}"#.into()),
        ports: vec![PortMapping {
            listener: 80,
            transport: Transport::Tcp,
            bound: traffic,
        }],
        addresses: vec![Ipv4Addr::LOCALHOST.into()],
        session_key: None,
    });
    let scope = Scope::Gateway(ObjectName::new("shop", "edge"));
    let proxy = Proxy::start(files.path(), controller.port, admin);
    let answer = eventually("the admin server", || get(admin, "localhost", "/readyz"));
    assert!(
        answer.starts_with("HTTP/1.1 503"),
        "nothing is served yet: {answer}"
    );

    let first = balancer("/first");
    controller.server.publish(&scope, &first, &settings);
    controller.server.open();
    eventually("traffic", || redirects(traffic, "/first"));
    let ready = |port| get(port, "localhost", "/readyz").filter(|answer| answer.starts_with("HTTP/1.1 200"));
    eventually("readiness", || ready(admin));
    let revision = controller.server.publish(&scope, &balancer("/second"), &settings);
    eventually("the acknowledgement", || {
        let outcome = controller.server.outcome(&first.gateway)?;
        (outcome.has(revision) && outcome.listeners.is_empty() && outcome.refused.is_empty()).then_some(())
    });
    redirects(traffic, "/second").expect("acknowledged is in use");
    let acknowledged = SystemTime::now();

    // The controller goes; the proxy goes on, restarts with what it has, and ends in order.
    let state = files.path().join("state/last-good");
    eventually("the last good state", || {
        let written = state.metadata().ok()?.modified().ok()?;
        (written > acknowledged).then_some(())
    });
    controller.stop.send(()).unwrap();
    drop(controller.runtime);
    redirects(traffic, "/second").expect("it goes on");
    drop(proxy);
    let proxy = Proxy::start(files.path(), controller.port, admin);
    eventually("readiness from disk", || ready(admin));
    redirects(traffic, "/second").expect("it serves what it had");
    proxy.terminate();
    eventually("not ready while it drains", || {
        get(admin, "localhost", "/readyz").filter(|answer| answer.starts_with("HTTP/1.1 503"))
    });
    redirects(traffic, "/second").expect("it accepts until everybody knows");
    assert_eq!(proxy.wait(), Some(0));
}

#[test]
fn the_command_line_names_what_is_missing() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_gatewright"))
            .args(arguments)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for (arguments, wanted) in [
        (&["proxy"][..], "<PATH>"),
        (&["proxy", "--controller", "https://a:1"], "--gateway"),
        (
            &["proxy", "--controller", "http://a:1", "--class", "c"],
            "https://HOST:PORT",
        ),
        (
            &["proxy", "--controller", "https://a:1", "--gateway", "a"],
            "NAMESPACE/NAME",
        ),
        (
            &[
                "proxy",
                "--controller",
                "https://a:1",
                "--gateway",
                "a/b",
                "--class",
                "c",
            ],
            "--class",
        ),
        (
            &["proxy", "--controller", "https://a:1", "--class", "c", "folder"],
            "cannot be used with",
        ),
        (&["proxy", "folder", "--state", "x"], "--controller"),
    ] {
        let (code, error) = run(arguments);
        assert_eq!(code, Some(64), "{arguments:?}: {error}");
        assert!(error.contains(wanted), "{arguments:?}: {error}");
    }
}
