//! The crate from outside: mutated and arbitrary input, other people's manifests.

mod mutated;
mod mutator;
mod typed;
