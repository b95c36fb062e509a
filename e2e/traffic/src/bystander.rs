//! What an attack does to everybody else: their answers, their latency, the program's memory.

use crate::{Echo, Gatewright, manifest, ports};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;

/// Bytes of every answer below `/big`.
pub const BIG: usize = 8 << 20;

/// The program with a plain listener in front of an echo (`/`) and a source of big answers (`/big`).
pub struct Site {
    /// Kept running.
    pub gatewright: Gatewright,
    /// Where the listener is.
    pub address: SocketAddr,
    /// Behind `/`.
    pub echo: Echo,
    big: JoinHandle<()>,
}

impl Site {
    /// Starts everything and waits until it answers.
    pub async fn start() -> Result<Self> {
        let port = ports::free()?;
        let echo = Echo::start("echo").await?;
        let (source, big) = big()?;
        let text = manifest::class()
            + &manifest::gateway("gw", &format!("[{{name: http, protocol: HTTP, port: {port}}}]"))
            + &manifest::service("echo", &[echo.address])
            + &manifest::service("big", &[source])
            + &manifest::http_route(
                "all",
                "gw",
                "  rules: [{backendRefs: [{name: echo, port: 80}]}, \
                 {matches: [{path: {value: /big}}], backendRefs: [{name: big, port: 80}]}]",
            );
        let gatewright = Gatewright::start(&text).await?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        crate::wait::until("the site's first answer", || async {
            let answer = crate::echo::get(address, "attack.test", "/").await.ok()?;
            (answer.status == 200).then_some(())
        })
        .await?;
        Ok(Self {
            gatewright,
            address,
            echo,
            big,
        })
    }

    /// Resident memory of the program in bytes.
    pub fn memory(&self) -> Result<usize> {
        resident(self.gatewright.pid().context("the program has ended")?)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.big.abort();
    }
}

/// A backend that answers every request with [`BIG`] bytes as fast as they are taken.
fn big() -> Result<(SocketAddr, JoinHandle<()>)> {
    // Small buffers of its own: what is not taken is to wait here, not in the kernel.
    let socket = TcpSocket::new_v4()?;
    socket.set_send_buffer_size(32 * 1024)?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    let listener = socket.listen(4096)?;
    let address = listener.local_addr()?;
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = [0; 8192];
                if stream.read(&mut head).await? > 0 {
                    let start =
                        format!("HTTP/1.1 200 OK\r\ncontent-length: {BIG}\r\nconnection: close\r\n\r\n");
                    stream.write_all(start.as_bytes()).await?;
                    let piece = vec![b'x'; 64 * 1024];
                    for _ in 0..BIG / piece.len() {
                        stream.write_all(&piece).await?;
                    }
                }
                std::io::Result::Ok(())
            });
        }
    });
    Ok((address, task))
}

fn resident(pid: u32) -> Result<usize> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"))
        .context("no VmRSS")?;
    Ok(kib.trim().parse::<usize>()? * 1024)
}

/// What a bystander lived through.
#[derive(Clone, Debug)]
pub struct Report {
    /// Requests, all answered with 200.
    pub requests: usize,
    /// Latency that half of them stayed below.
    pub median: Duration,
    /// Latency that 99 in 100 stayed below.
    pub p99: Duration,
    /// The slowest.
    pub slowest: Duration,
    /// Resident memory before, in bytes.
    pub before: usize,
    /// Highest resident memory seen, in bytes.
    pub peak: usize,
}

impl Report {
    /// Growth of the resident memory, in bytes.
    pub fn growth(&self) -> usize {
        self.peak.saturating_sub(self.before)
    }

    /// One line of figures.
    pub fn line(&self, attack: &str) -> String {
        format!(
            "{attack}: others' median {:.2} ms, p99 {:.2} ms, slowest {:.2} ms over {} requests; \
             memory {:.1} MiB, at most {:.1} MiB more",
            self.median.as_secs_f64() * 1e3,
            self.p99.as_secs_f64() * 1e3,
            self.slowest.as_secs_f64() * 1e3,
            self.requests,
            self.before as f64 / f64::from(1 << 20),
            self.growth() as f64 / f64::from(1 << 20),
        )
    }
}

/// A client that asks again and again, on a kept and on a new connection in turn, while something else
/// happens. Any answer but 200 is an error.
pub struct Bystander {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Result<Report>>,
}

impl Bystander {
    /// Starts asking.
    pub fn start(site: &Site) -> Result<Self> {
        let pid = site.gatewright.pid().context("the program has ended")?;
        let before = resident(pid)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (address, stopped) = (site.address, Arc::clone(&stop));
        let task = tokio::spawn(async move {
            let mut latencies = Vec::new();
            let mut peak = before;
            let kept = TcpStream::connect(address).await?;
            let (mut kept, connection) =
                hyper::client::conn::http1::handshake::<_, Full<Bytes>>(TokioIo::new(kept)).await?;
            let connection = tokio::spawn(connection);
            while !stopped.load(Ordering::SeqCst) || latencies.len() < 20 {
                let begun = Instant::now();
                if latencies.len() % 2 == 0 {
                    kept.ready().await?;
                    let request = Request::get("/")
                        .header("host", "attack.test")
                        .body(Full::default())?;
                    let answer = tokio::time::timeout(crate::wait::PATIENCE, kept.send_request(request))
                        .await
                        .context("no answer on the kept connection")??;
                    let status = answer.status();
                    answer.into_body().collect().await?;
                    ensure!(status == 200, "a bystander got {status}");
                } else {
                    let answer = crate::echo::get(address, "attack.test", "/").await?;
                    ensure!(answer.status == 200, "a bystander got {}", answer.status);
                }
                latencies.push(begun.elapsed());
                peak = peak.max(resident(pid)?);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            connection.abort();
            latencies.sort_unstable();
            let at = |share: usize| {
                latencies
                    .get((latencies.len() * share / 100).min(latencies.len().saturating_sub(1)))
                    .copied()
                    .unwrap_or_default()
            };
            Ok(Report {
                requests: latencies.len(),
                median: at(50),
                p99: at(99),
                slowest: at(100),
                before,
                peak,
            })
        });
        Ok(Self { stop, task })
    }

    /// Stops asking and tells how it went.
    pub async fn finish(self) -> Result<Report> {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await?
    }
}
