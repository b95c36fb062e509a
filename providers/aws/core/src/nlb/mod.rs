//! Network Load Balancers: what one Gateway with TCPRoutes, UDPRoutes and TLSRoutes becomes.
//!
//! They have the resources of Application Load Balancers ([`crate::alb::Target`]) without rules: each listener has one
//! action, a forward. <https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-listeners.html>

pub mod fit;
pub mod lower;
pub mod settings;
