//! The data plane with real clients and real targets on loopback addresses.

mod asked;
mod backend;
mod change;
mod client;
mod errors;
mod forward;
mod functions;
mod healthy;
mod lattice;
mod mutual;
mod network;
mod secure;
mod sticky;
mod upgrade;
mod world;
