//! Listeners, TLS, streams and their life cycle, through [`gatewright_proxy::listen::Proxy`].

mod lifecycle;
mod pki;
mod proxy_protocol;
mod scale;
mod stream;
mod tls;
mod udp;
mod upstream_tls;
pub mod world;
