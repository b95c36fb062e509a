//! Who attaches to what, which references are granted, which listeners conflict.
//!
//! Each function here decides one rule of the Gateway API and reads objects through a
//! [`crate::snapshot::View`] only. Every problem is a [`Refusal`](crate::translate::Refusal) on a node;
//! nothing here writes status or knows the time.

pub mod allowed;
pub mod attach;
pub mod binding;
pub mod class;
pub mod conflict;
pub mod facts;
pub mod frontend;
pub mod gateway;
pub mod listener;
pub mod listener_filters;
pub mod listener_set;
pub mod nodes;
mod overruled;
pub mod parameters;
pub mod pods;
pub mod route;

/// Group of the Gateway API's stable kinds.
pub(crate) const GROUP: &str = "gateway.networking.k8s.io";
