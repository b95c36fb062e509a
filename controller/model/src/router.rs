//! The router: which rule serves a request.
//!
//! [`ListenerRouter`] is an index over the routes of one listener that gives the answer of
//! [`crate::precedence`] without walking the list: hosts by hash (exact, then one probe per label for
//! wildcards, then any), paths by hash (exact, then one probe per segment for prefixes), and in each
//! place the few matches that share host and path, in their order. When the conditions of a match
//! fail, the search goes on with the next in the order, across all these structures.
//!
//! A router is immutable. A change makes a new one that shares everything untouched with the old,
//! so that it costs about the same for ten routes and for a hundred thousand, and both can be in use.

mod condition;
mod entry;
mod listener;
mod segments;
mod selector;
mod shards;
mod stream;
mod table;

pub use condition::{QueryParameters, Request, RequestView};
pub use listener::{Found, ListenerRouter, RoutePayload, Router};
pub use selector::{Dispatch, ListenerSelector, dispatch};
pub use stream::{StreamEntry, StreamRouter};

pub(crate) use condition::Conditions;
pub(crate) use table::grpc_method;
