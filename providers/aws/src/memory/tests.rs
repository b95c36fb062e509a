//! The driver on AWS in memory: the contract, and what it promises beyond.

mod backend;
mod bindings;
mod contract;
mod counts;
mod forms;
mod given;
mod network;
mod partial;
mod plans;
mod pools;
mod quota;
mod rules;
mod shield;
mod steady;
mod swept;
mod target;
mod web_acls;
