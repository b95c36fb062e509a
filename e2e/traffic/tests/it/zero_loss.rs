//! Thousands of configuration changes under constant load: nothing that is not touched may notice.

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use gatewright_traffic::{Echo, Gatewright, echo, manifest, ports, tls, wait};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// Changes: 300, or 10,000 when `GATEWRIGHT_FULL` is set.
fn changes() -> usize {
    if std::env::var_os("GATEWRIGHT_FULL").is_some() {
        10_000
    } else {
        300
    }
}

/// Pause of each load client between two requests.
const PAUSE: Duration = Duration::from_millis(2);

/// A certificate in use: PEM for the manifest, DER as a client sees it.
struct Identity {
    chain: String,
    key: String,
    der: Vec<u8>,
}

impl Identity {
    fn new() -> Result<Self> {
        let made = rcgen::generate_simple_self_signed(vec!["steady.test".to_owned()])?;
        Ok(Self {
            chain: made.cert.pem(),
            key: made.signing_key.serialize_pem(),
            der: made.cert.der().to_vec(),
        })
    }
}

/// Everything that is configured, so that one change is one rewritten file.
struct World {
    gatewright: Gatewright,
    plain: SocketAddr,
    secure: SocketAddr,
    extra: SocketAddr,
    identities: Vec<Identity>,
    /// Backends `a` and `b`; kept running.
    backends: [Echo; 2],
}

impl World {
    async fn start() -> Result<Self> {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let (plain, secure, extra) = (ports::free()?, ports::free()?, ports::free()?);
        let backends = [Echo::start("a").await?, Echo::start("b").await?];
        let identities = (0..4).map(|_| Identity::new()).collect::<Result<Vec<_>>>()?;
        let first = identities.first().context("an identity")?;
        let main = Self::main(&backends)
            + &Self::gateway(plain, secure, None)
            + &manifest::tls_secret("cert", &first.chain, &first.key);
        let gatewright = Gatewright::start(&main).await?;
        let world = Self {
            gatewright,
            plain: address(plain),
            secure: address(secure),
            extra: address(extra),
            identities,
            backends,
        };
        // From here on gateway and certificate have files of their own.
        world
            .gatewright
            .write("gateway.yaml", &Self::gateway(plain, secure, None))?;
        world.rotate(0)?;
        world
            .gatewright
            .write("main.yaml", &Self::main(&world.backends))?;
        wait::until("the first answer", || async {
            let answer = echo::get(world.plain, "steady.test", "/").await.ok()?;
            (answer.status == 200).then_some(())
        })
        .await?;
        Ok(world)
    }

    fn main(backends: &[Echo; 2]) -> String {
        let [a, b] = backends;
        manifest::class()
            + &manifest::service("a", &[a.address])
            + &manifest::service("b", &[b.address])
            + &manifest::http_route(
                "steady",
                "gw",
                "  hostnames: [steady.test]\n  rules: [{backendRefs: [{name: a, port: 80}]}]",
            )
    }

    fn gateway(plain: u16, secure: u16, extra: Option<u16>) -> String {
        let mut listeners = format!(
            "{{name: plain, protocol: HTTP, port: {plain}}}, \
             {{name: secure, protocol: HTTPS, port: {secure}, tls: {{certificateRefs: [{{name: cert}}]}}}}"
        );
        if let Some(port) = extra {
            listeners.push_str(", {name: extra, protocol: HTTP, port: ");
            listeners.push_str(&port.to_string());
            listeners.push('}');
        }
        manifest::gateway("gw", &format!("[{listeners}]"))
    }

    fn listen(&self, extra: bool) -> Result<()> {
        let extra = extra.then_some(self.extra.port());
        self.gatewright.write(
            "gateway.yaml",
            &Self::gateway(self.plain.port(), self.secure.port(), extra),
        )
    }

    fn identity(&self, turn: usize) -> Result<&Identity> {
        self.identities
            .get(turn % self.identities.len())
            .context("an identity")
    }

    fn rotate(&self, turn: usize) -> Result<()> {
        let identity = self.identity(turn)?;
        self.gatewright.write(
            "cert.yaml",
            &manifest::tls_secret("cert", &identity.chain, &identity.key),
        )
    }

    fn route(&self, backend: &str) -> Result<()> {
        self.gatewright.write(
            "touched.yaml",
            &manifest::http_route(
                "touched",
                "gw",
                &format!(
                    "  hostnames: [touched.test]\n  rules: [{{backendRefs: [{{name: {backend}, port: 80}}]}}]"
                ),
            ),
        )
    }

    /// What the touched route answers now: the backend's name, or the status when there is none.
    async fn touched(&self) -> Result<String> {
        let answer = echo::get(self.plain, "touched.test", "/").await?;
        Ok(if answer.status == 200 {
            answer.backend()
        } else {
            answer.status.to_string()
        })
    }

    /// Waits until the touched route changes from `old` to `new`. No third answer is right, and there
    /// is no way back.
    async fn turns(&self, old: &str, new: &str) -> Result<()> {
        let deadline = Instant::now() + wait::PATIENCE;
        loop {
            let now = self.touched().await?;
            if now == new {
                break;
            }
            ensure!(now == old, "between {old} and {new} came {now}");
            ensure!(Instant::now() < deadline, "{old} never became {new}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        for _ in 0..3 {
            let now = self.touched().await?;
            ensure!(now == new, "after {new} came {now}");
        }
        Ok(())
    }
}

/// A client in a loop until it is told to stop; the number of its requests is its result.
fn load<F: Future<Output = Result<()>> + Send>(
    stop: &Arc<AtomicBool>,
    mut request: impl FnMut() -> F + Send + 'static,
) -> JoinHandle<Result<usize>> {
    let stop = Arc::clone(stop);
    tokio::spawn(async move {
        let mut count = 0;
        while !stop.load(Ordering::SeqCst) {
            request().await.with_context(|| format!("request {count}"))?;
            count += 1;
            tokio::time::sleep(PAUSE).await;
        }
        Ok(count)
    })
}

fn steady() -> Result<Request<Full<Bytes>>> {
    Ok(Request::get("http://steady.test/")
        .header("host", "steady.test")
        .body(Full::default())?)
}

async fn check(answer: http::Response<hyper::body::Incoming>) -> Result<()> {
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    ensure!(status == 200, "status {status}");
    let echo: serde_json::Value = serde_json::from_slice(&body)?;
    ensure!(echo.get("name").is_some_and(|name| name == "a"), "{echo}");
    Ok(())
}

/// One HTTP/1.1 connection for the whole run: it must never be closed.
async fn kept_h1(address: SocketAddr, stop: &Arc<AtomicBool>) -> Result<JoinHandle<Result<usize>>> {
    let io = TokioIo::new(TcpStream::connect(address).await?);
    let (sender, connection) = hyper::client::conn::http1::handshake::<_, Full<Bytes>>(io).await?;
    tokio::spawn(connection);
    let sender = Arc::new(tokio::sync::Mutex::new(sender));
    Ok(load(stop, move || {
        let sender = Arc::clone(&sender);
        async move {
            let mut sender = sender.lock().await;
            sender.ready().await.context("the kept connection was closed")?;
            let request = Request::get("/")
                .header("host", "steady.test")
                .body(Full::default())?;
            check(sender.send_request(request).await?).await
        }
    }))
}

/// One HTTP/2 connection for the whole run.
async fn kept_h2<IO>(io: IO, stop: &Arc<AtomicBool>) -> Result<JoinHandle<Result<usize>>>
where
    IO: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, Full<Bytes>>(TokioExecutor::new(), TokioIo::new(io))
            .await?;
    tokio::spawn(connection);
    Ok(load(stop, move || {
        let mut sender = sender.clone();
        async move {
            sender
                .ready()
                .await
                .context("the kept HTTP/2 connection was closed")?;
            check(sender.send_request(steady()?).await?).await
        }
    }))
}

/// A new TLS connection for every request.
fn new_tls(world: &World, stop: &Arc<AtomicBool>) -> JoinHandle<Result<usize>> {
    let known: Arc<Vec<Vec<u8>>> = Arc::new(
        world
            .identities
            .iter()
            .map(|identity| identity.der.clone())
            .collect(),
    );
    let address = world.secure;
    load(stop, move || {
        let known = Arc::clone(&known);
        async move {
            let stream = tls::connect(address, "steady.test", &["http/1.1"]).await?;
            let shown = tls::certificate(&stream)?;
            ensure!(known.contains(&shown), "an unknown certificate");
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream)).await?;
            let connection = tokio::spawn(connection);
            let request = Request::get("/")
                .header("host", "steady.test")
                .body(Full::default())?;
            check(sender.send_request(request).await?).await?;
            connection.abort();
            Ok(())
        }
    })
}

/// Waits until `what` holds, asking every millisecond.
async fn until<F: Future<Output = Result<bool>>>(what: &str, mut condition: impl FnMut() -> F) -> Result<()> {
    let deadline = Instant::now() + wait::PATIENCE;
    while !condition().await? {
        if Instant::now() > deadline {
            bail!("{what} did not come true");
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// One change of each sort, each waited for.
async fn change(world: &World, number: usize) -> Result<()> {
    match number % 6 {
        0 => {
            world.route("a")?;
            world.turns("404", "a").await
        }
        1 => {
            world.route("b")?;
            world.turns("a", "b").await
        }
        2 => {
            world.gatewright.remove("touched.yaml")?;
            world.turns("b", "404").await
        }
        3 => {
            let turn = number / 6 + 1;
            world.rotate(turn)?;
            let wanted = &world.identity(turn)?.der;
            until("the new certificate", || async {
                let stream = tls::connect(world.secure, "steady.test", &["http/1.1"]).await?;
                Ok(tls::certificate(&stream)? == *wanted)
            })
            .await
        }
        4 => {
            world.listen(true)?;
            // While its sockets are being bound a connection may be refused or reset; once it has answered,
            // every answer must be right.
            until("the new listener", || async {
                let answer = echo::get(world.extra, "steady.test", "/").await;
                Ok(answer.is_ok_and(|answer| answer.status == 200))
            })
            .await?;
            for _ in 0..3 {
                let answer = echo::get(world.extra, "steady.test", "/").await?;
                ensure!(answer.status == 200, "{answer:?}");
            }
            Ok(())
        }
        _ => {
            world.listen(false)?;
            until("the removed listener", || async {
                Ok(TcpStream::connect(world.extra).await.is_err())
            })
            .await
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_under_load_lose_nothing() -> Result<()> {
    let world = World::start().await?;
    let stop = Arc::new(AtomicBool::new(false));
    let plain = world.plain;
    let secure = tls::connect(world.secure, "steady.test", &["h2"]).await?;
    let clients = [
        ("kept HTTP/1.1", kept_h1(plain, &stop).await?),
        (
            "kept HTTP/2",
            kept_h2(TcpStream::connect(plain).await?, &stop).await?,
        ),
        ("kept HTTP/2 over TLS", kept_h2(secure, &stop).await?),
        (
            "new HTTP/1.1",
            load(&stop, move || async move {
                let answer = echo::get(plain, "steady.test", "/").await?;
                ensure!(answer.status == 200 && answer.backend() == "a", "{answer:?}");
                Ok(())
            }),
        ),
        ("new TLS", new_tls(&world, &stop)),
    ];
    let begun = Instant::now();
    let count = changes();
    let mut result = Ok(());
    for number in 0..count {
        result = change(&world, number)
            .await
            .with_context(|| format!("change {number}"));
        // A failed client ends the run at once.
        if result.is_err() || clients.iter().any(|(_, client)| client.is_finished()) {
            break;
        }
    }
    stop.store(true, Ordering::SeqCst);
    let mut requests_by = Vec::new();
    for (name, client) in clients {
        let requests = client.await?.with_context(|| format!("client: {name}"))?;
        assert!(requests > 10, "{name} made {requests} requests");
        requests_by.push(format!("{name} {requests}"));
    }
    result.with_context(|| world.gatewright.said())?;
    println!(
        "{count} changes in {:.1} s; requests: {}; none failed",
        begun.elapsed().as_secs_f64(),
        requests_by.join(", ")
    );
    let [a, _] = &world.backends;
    assert!(a.requests() > 0);
    Ok(())
}
