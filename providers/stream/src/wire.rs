//! The messages of `proto/gatewright/config/v1/configuration.proto`, which documents them.

#![allow(missing_docs)] // The .proto file says what each field is.

use bytes::Bytes;
use std::fmt;

/// Version of the protocol that this program speaks.
pub const PROTOCOL: u32 = 1;
/// Path of the only method.
pub const PATH: &str = "/gatewright.config.v1.Configuration/Stream";

#[derive(Clone, PartialEq, prost::Message)]
pub struct FromProxy {
    #[prost(oneof = "from_proxy::Message", tags = "1, 2, 3")]
    pub message: Option<from_proxy::Message>,
}

pub mod from_proxy {
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Message {
        #[prost(message, tag = "1")]
        Hello(super::Hello),
        #[prost(message, tag = "2")]
        Outcome(super::Outcome),
        #[prost(message, tag = "3")]
        Goodbye(super::Goodbye),
    }
}

#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Hello {
    #[prost(uint32, tag = "1")]
    pub protocol: u32,
    #[prost(string, tag = "2")]
    pub instance: String,
    #[prost(string, tag = "3")]
    pub version: String,
    #[prost(string, tag = "4")]
    pub scope: String,
    #[prost(string, tag = "5")]
    pub session: String,
    #[prost(uint64, tag = "6")]
    pub revision: u64,
    #[prost(bytes = "bytes", tag = "7")]
    pub digest: Bytes,
    #[prost(bool, tag = "8")]
    pub serving: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Outcome {
    #[prost(uint64, tag = "1")]
    pub revision: u64,
    #[prost(message, repeated, tag = "2")]
    pub faults: Vec<GatewayFaults>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct GatewayFaults {
    #[prost(string, tag = "1")]
    pub namespace: String,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, repeated, tag = "3")]
    pub listeners: Vec<ListenerFault>,
    #[prost(message, repeated, tag = "4")]
    pub refusals: Vec<Refusal>,
}

#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct ListenerFault {
    #[prost(message, optional, tag = "1")]
    pub listener: Option<PartKey>,
    #[prost(string, tag = "2")]
    pub reason: String,
    #[prost(string, tag = "3")]
    pub message: String,
}

#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Refusal {
    #[prost(string, tag = "1")]
    pub object: String,
    #[prost(string, tag = "2")]
    pub message: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct Goodbye {}

#[derive(Clone, PartialEq, prost::Message)]
pub struct FromController {
    #[prost(oneof = "from_controller::Message", tags = "1, 2")]
    pub message: Option<from_controller::Message>,
}

pub mod from_controller {
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Message {
        #[prost(message, tag = "1")]
        Welcome(super::Welcome),
        #[prost(message, tag = "2")]
        Changes(super::Changes),
    }
}

#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Welcome {
    #[prost(string, tag = "1")]
    pub session: String,
    #[prost(uint64, tag = "2")]
    pub base: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Changes {
    #[prost(message, repeated, tag = "1")]
    pub gateways: Vec<GatewayChanges>,
    #[prost(uint64, optional, tag = "2")]
    pub commit: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct GatewayChanges {
    #[prost(string, tag = "1")]
    pub namespace: String,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(bool, tag = "3")]
    pub removed: bool,
    #[prost(message, repeated, tag = "4")]
    pub parts: Vec<Part>,
    #[prost(message, repeated, tag = "5")]
    pub removed_parts: Vec<PartKey>,
}

/// Its payload may hold a private key and is not shown.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
#[prost(skip_debug)]
pub struct Part {
    #[prost(message, optional, tag = "1")]
    pub key: Option<PartKey>,
    #[prost(bytes = "bytes", tag = "2")]
    pub payload: Bytes,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part")
            .field("key", &self.key)
            .field("payload", &format_args!("<{} bytes>", self.payload.len()))
            .finish()
    }
}

#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct PartKey {
    #[prost(enumeration = "Kind", tag = "1")]
    pub kind: i32,
    #[prost(string, tag = "2")]
    pub namespace: String,
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(string, tag = "4")]
    pub section: String,
    #[prost(uint32, tag = "5")]
    pub port: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum Kind {
    Unspecified = 0,
    Head = 1,
    Settings = 2,
    GatewayListener = 3,
    ListenerSetListener = 4,
    HttpRoute = 5,
    GrpcRoute = 6,
    TlsRoute = 7,
    TcpRoute = 8,
    UdpRoute = 9,
    Service = 10,
    ServiceUdp = 11,
    XBackend = 12,
    Certificate = 13,
}

#[cfg(test)]
mod tests;
