//! The proxies that are compared, and their equivalent configurations.

use super::manifests;
use super::scenario::Contestant;
use super::setup::{Bench, ECHO_PORT, ORIGIN_PORT};
use anyhow::Result;
use std::process::Command;

/// A kind of port that every proxy opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// HTTP.
    Plain,
    /// HTTP/1.1 and HTTP/2 over TLS.
    Tls,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// A proxy.
pub struct Peer {
    /// Name in the report.
    pub name: &'static str,
    base: u16,
    /// Whether it proxies UDP (open-source HAProxy does for syslog only).
    pub udp: bool,
    /// Writes the configuration and returns the command that serves it with one worker.
    pub command: fn(&Bench, &Peer, &Contestant) -> Result<Command>,
    /// The command that prints the version.
    pub version: fn(&Bench) -> Command,
}

impl Peer {
    /// Port number.
    pub const fn port(&self, port: Port) -> u16 {
        match port {
            Port::Plain => self.base,
            Port::Tls => self.base + 1,
            Port::Tcp => self.base + 2,
            Port::Udp => self.base + 3,
        }
    }

    /// Address of a path.
    pub fn url(&self, port: Port, path: &str) -> String {
        let scheme = if port == Port::Tls { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}{path}", self.port(port))
    }
}

/// All proxies.
pub const PEERS: &[Peer] = &[
    Peer {
        name: "gatewright",
        base: 21_000,
        udp: true,
        command: gatewright,
        version: |bench| version(bench.gatewright(), "version"),
    },
    Peer {
        name: "nginx",
        base: 22_000,
        udp: true,
        command: nginx,
        version: |_| version("nginx", "-v"),
    },
    Peer {
        name: "haproxy",
        base: 23_000,
        udp: false,
        command: haproxy,
        version: |_| version("haproxy", "-v"),
    },
    Peer {
        name: "envoy",
        base: 24_000,
        udp: true,
        command: envoy,
        version: |bench| version(bench.envoy(), "--version"),
    },
];

fn version(program: impl AsRef<std::ffi::OsStr>, flag: &str) -> Command {
    let mut command = Command::new(program);
    command.arg(flag);
    command
}

fn gatewright(bench: &Bench, peer: &Peer, contestant: &Contestant) -> Result<Command> {
    let folder = bench.dir().join(format!("gatewright-{}", contestant.routes));
    if !folder.exists() {
        manifests::write(&folder, peer, bench, contestant.routes)?;
    }
    let mut command = Command::new(bench.gatewright());
    command
        .arg("proxy")
        .arg(folder)
        .args(["--workers", "1", "--admin", "off"]);
    Ok(command)
}

fn nginx(bench: &Bench, peer: &Peer, _: &Contestant) -> Result<Command> {
    let dir = bench.dir();
    let text = format!(
        "daemon off; user root; master_process on; worker_processes 1; pid {dir}/nginx.pid; error_log stderr;
load_module modules/ngx_stream_module.so;
worker_rlimit_nofile 65536;
events {{ worker_connections 30000; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 300s;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  upstream be {{ server 127.0.0.1:{ORIGIN_PORT}; keepalive 1024; keepalive_requests 100000000; }}
  proxy_buffers 16 64k; proxy_buffer_size 16k; proxy_busy_buffers_size 256k;
  ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem; ssl_protocols TLSv1.2 TLSv1.3;
  server {{
    listen 127.0.0.1:{plain} reuseport; listen 127.0.0.1:{tls} ssl http2 reuseport; http2_max_concurrent_streams 128;
    location / {{
      proxy_pass http://be; proxy_http_version 1.1; proxy_set_header Connection \"\";
      proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header Host $host;
    }}
  }}
}}
stream {{
  server {{ listen 127.0.0.1:{tcp} reuseport; proxy_pass 127.0.0.1:{ORIGIN_PORT}; }}
  server {{ listen 127.0.0.1:{udp} udp reuseport; proxy_pass 127.0.0.1:{ECHO_PORT}; proxy_timeout 60s; }}
}}
",
        dir = dir.display(),
        plain = peer.port(Port::Plain),
        tls = peer.port(Port::Tls),
        tcp = peer.port(Port::Tcp),
        udp = peer.port(Port::Udp),
    );
    let file = dir.join("nginx.conf");
    std::fs::write(&file, text)?;
    let mut command = Command::new("nginx");
    command.arg("-p").arg("/usr/share/nginx").arg("-c").arg(file);
    Ok(command)
}

fn haproxy(bench: &Bench, peer: &Peer, _: &Contestant) -> Result<Command> {
    let text = format!(
        "global
  nbthread 1
  maxconn 9000
defaults
  mode http
  timeout connect 5s
  timeout client 300s
  timeout server 60s
  option http-keep-alive
  http-reuse always
frontend web
  bind 127.0.0.1:{plain}
  bind 127.0.0.1:{tls} ssl crt {dir}/both.pem alpn h2,http/1.1
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto https if {{ ssl_fc }}
  default_backend be
backend be
  server s1 127.0.0.1:{ORIGIN_PORT} pool-max-conn 1024
listen tcp
  mode tcp
  bind 127.0.0.1:{tcp}
  server s1 127.0.0.1:{ORIGIN_PORT}
",
        dir = bench.dir().display(),
        plain = peer.port(Port::Plain),
        tls = peer.port(Port::Tls),
        tcp = peer.port(Port::Tcp),
    );
    let file = bench.dir().join("haproxy.cfg");
    std::fs::write(&file, text)?;
    let mut command = Command::new("haproxy");
    command.args(["-db", "-n", "9000", "-f"]).arg(file);
    Ok(command)
}

fn envoy(bench: &Bench, peer: &Peer, _: &Contestant) -> Result<Command> {
    let dir = bench.dir().display().to_string();
    let manager = "{ name: envoy.filters.network.http_connection_manager, typed_config: { '@type': \
        type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, \
        codec_type: AUTO, stat_prefix: http, use_remote_address: true, generate_request_id: false, \
        http2_protocol_options: { max_concurrent_streams: 128 }, \
        route_config: { name: r, virtual_hosts: [ { name: v, domains: ['*'], routes: [ { match: { prefix: '/' }, route: { cluster: be } } ] } ] }, \
        http_filters: [ { name: envoy.filters.http.router, typed_config: { '@type': \
        type.googleapis.com/envoy.extensions.filters.http.router.v3.Router, suppress_envoy_headers: true } } ] } }";
    let address =
        |port: u16| format!("address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}");
    let udp_address = |port: u16| {
        format!("address: {{ socket_address: {{ protocol: UDP, address: 127.0.0.1, port_value: {port} }} }}")
    };
    let text = format!(
        "static_resources:
  listeners:
  - name: plain
    {plain}
    filter_chains: [ {{ filters: [ {manager} ] }} ]
  - name: tls
    {tls}
    filter_chains:
    - filters: [ {manager} ]
      transport_socket: {{ name: envoy.transport_sockets.tls, typed_config: {{ '@type': type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, common_tls_context: {{ alpn_protocols: [h2, http/1.1], tls_certificates: [ {{ certificate_chain: {{ filename: '{dir}/cert.pem' }}, private_key: {{ filename: '{dir}/key.pem' }} }} ] }} }} }}
  - name: udp
    {udp}
    listener_filters: [ {{ name: envoy.filters.udp_listener.udp_proxy, typed_config: {{ '@type': type.googleapis.com/envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig, stat_prefix: udp, matcher: {{ on_no_match: {{ action: {{ name: route, typed_config: {{ '@type': type.googleapis.com/envoy.extensions.filters.udp.udp_proxy.v3.Route, cluster: echo }} }} }} }} }} }} ]
  - name: tcp
    {tcp}
    filter_chains: [ {{ filters: [ {{ name: envoy.filters.network.tcp_proxy, typed_config: {{ '@type': type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: tcp, cluster: be }} }} ] }} ]
  clusters:
  - name: be
    type: STATIC
    connect_timeout: 5s
    circuit_breakers: {{ thresholds: [ {{ max_connections: 10000, max_pending_requests: 10000, max_requests: 10000 }} ] }}
    load_assignment: {{ cluster_name: be, endpoints: [ {{ lb_endpoints: [ {{ endpoint: {{ {origin} }} }} ] }} ] }}
  - name: echo
    type: STATIC
    load_assignment: {{ cluster_name: echo, endpoints: [ {{ lb_endpoints: [ {{ endpoint: {{ {echo} }} }} ] }} ] }}
",
        plain = address(peer.port(Port::Plain)),
        tls = address(peer.port(Port::Tls)),
        tcp = address(peer.port(Port::Tcp)),
        origin = address(ORIGIN_PORT),
        echo = udp_address(ECHO_PORT),
        udp = udp_address(peer.port(Port::Udp)),
    );
    let file = bench.dir().join("envoy.yaml");
    std::fs::write(&file, text)?;
    let mut command = Command::new(bench.envoy());
    command
        .args(["--concurrency", "1", "-l", "error", "--use-dynamic-base-id", "-c"])
        .arg(file);
    Ok(command)
}
