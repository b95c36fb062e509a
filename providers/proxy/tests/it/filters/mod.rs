//! Filters, policies and what is observed of them: real clients and backends around a running proxy.

mod auth;
mod grpc;
mod observed;
mod resilience;
mod rewriting;
mod sessions;
mod stage;
