//! The driver of load balancers of Elastic Load Balancing: Application Load Balancers, and Network Load Balancers, which
//! are made of the same resources without rules ([`crate::nlb`]).
//!
//! [`mod@observe`] reads what exists, [`mod@plan`] finds the changes, [`driver`] carries them out one by one and
//! tells the addresses ([`addresses`]).

pub mod addresses;
mod apply;
mod bindings;
mod canonical;
pub(crate) use canonical::forwards_to;
mod drift;
pub mod driver;
pub mod observe;
pub mod observed;
pub mod plan;
mod pools;
pub mod prepare;
pub mod shared;
pub mod step;

pub(crate) use prepare::quotas;

pub use driver::{AlbDriver, ElbDriver, Request, Settings};
pub use observed::Observed;
pub use step::Step;
