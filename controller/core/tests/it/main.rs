//! Tests of the core as a whole: from manifests to load balancers and statuses.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod goldens;
mod incremental;
mod travel;
