//! Load balancers and services of VPC Lattice of the simulated AWS. They need a cluster with it: `cargo xtask scenarios --provider aws`
//! brings both.

mod bindings;
mod certificates;
mod gated;
mod grpc_route;
mod lattice;
mod network;
mod protected;
mod refused;
mod rollout;
mod routes_added;
mod scheme;
mod served;
mod weights;
