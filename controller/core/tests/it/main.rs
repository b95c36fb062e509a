//! Tests of the core as a whole: from manifests to load balancers and statuses.

mod goldens;
mod incremental;
