//! Manifests from files: which files there are, what they hold, and what changed since the last look.

pub mod read;
pub mod scan;
pub mod world;
