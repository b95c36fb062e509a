//! Types shared by the parts of the proxy: options, the compiled configuration of a port, what is
//! known about a connection, the state of a worker.

mod backend;
mod conn;
mod drain;
mod options;
mod port;
mod report;
mod worker;

pub use backend::{AlpnOffer, BackendRuntime, BackendSettings, EndpointRuntime, EndpointSet, UpstreamTls};
pub use conn::{ClientCertificate, ConnInfo, ConnProtocol, TlsInfo};
pub use drain::{DrainPhase, DrainSignal, DrainWatch};
pub use options::{AccessLogFormat, AccessLogOptions, ForwardingOptions, Limits, ProxyOptions, Timeouts};
pub use port::{CompiledBackend, CompiledRule, HttpListener, HttpPort, PortHandle, RouteProtocol};
pub use report::{ApplyReport, Failure, FailureReason, ListenerOutcome, ObjectRefusal, Placement, PortMap};
pub use worker::{Shared, WorkerContext};
