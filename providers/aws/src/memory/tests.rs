//! The driver on AWS in memory: the contract, and what it promises beyond.

mod backend;
mod behind;
mod bindings;
mod capacity;
mod certificates;
mod contract;
mod counts;
mod drift;
mod elastic;
mod forms;
mod given;
mod ipam;
mod moving;
mod network;
mod network_plans;
mod partial;
mod past;
mod plans;
mod pools;
mod quota;
mod rules;
mod shield;
mod steady;
mod swept;
mod target;
mod web_acls;
