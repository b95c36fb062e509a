//! Memory per idle keep-alive connection.

use super::process::Server;
use super::report::Sample;
use super::setup::Bench;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Opens connections, sends one request on each, and keeps them until standard input closes.
const CLIENT: &str = r#"
import resource, socket, ssl, sys
host, port, tls, count = "127.0.0.1", int(sys.argv[1]), sys.argv[2] == "tls", int(sys.argv[3])
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
open_ones = []
for _ in range(count):
    s = socket.create_connection((host, port), timeout=10)
    if tls: s = context.wrap_socket(s, server_hostname="localhost")
    s.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = s.recv(65536)
    if not answer.startswith(b"HTTP/1.1 200"): sys.exit("unexpected answer: %r" % answer[:80])
    open_ones.append(s)
print("open", flush=True)
sys.stdin.read()
"#;

/// Growth of anonymous memory over `connections` idle connections, in KiB per connection.
pub fn measure(bench: &Bench, server: &Server, url: &str, connections: u32) -> Result<Sample> {
    let (scheme, rest) = url.split_once("://").context("url without scheme")?;
    let port = rest.split([':', '/']).nth(1).context("url without port")?;
    // The first requests build caches that are not per connection.
    for _ in 0..3 {
        super::setup::fetch(bench, url)?;
    }
    let before = server.anonymous_kib()?;
    let mut client = Command::new("python3")
        .args([
            "-c",
            CLIENT,
            port,
            if scheme == "https" { "tls" } else { "plain" },
            &connections.to_string(),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start python3")?;
    let mut line = String::new();
    if let Some(output) = client.stdout.take() {
        BufReader::new(output).read_line(&mut line)?;
    }
    if line.trim() != "open" {
        let _ = client.kill();
        bail!("the client could not open {connections} connections to {url}");
    }
    // Buffers are given up a moment after the answer.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let after = server.anonymous_kib()?;
    drop(client.stdin.take());
    client.wait()?;
    Ok(Sample {
        value: after.saturating_sub(before) as f64 / f64::from(connections),
        p99_ms: None,
        cpu_us: None,
        lost: None,
        resident_kib: server.resident_kib()?,
    })
}
