//! Load balancers compiled into runtime snapshots.
