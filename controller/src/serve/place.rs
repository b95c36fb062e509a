//! Where a Gateway's listeners are bound.

use gatewright_model::LoadBalancer;
use gatewright_proxy::runtime::Placement;
use std::net::IpAddr;
use std::sync::Arc;

/// Default address and port shift of the standalone mode.
#[derive(Clone, Copy, Debug)]
pub struct Placing {
    /// For Gateways that name no address.
    pub address: IpAddr,
    /// Added to every listener port.
    pub port_offset: u16,
}

impl Placing {
    /// The addresses of `spec.addresses` that are IP addresses with a value, else the default one. Entries
    /// of other types were refused by the core (`UnsupportedAddress`); an entry without a value asks for
    /// any address, which is the default one.
    pub fn place(&self, balancer: &Arc<LoadBalancer>) -> Placement {
        let mut addresses: Vec<IpAddr> = balancer
            .addresses
            .iter()
            .filter(|request| &*request.kind == "IPAddress")
            .map(|request| {
                request
                    .value
                    .as_deref()
                    .map_or(Some(self.address), |value| value.parse().ok())
            })
            .collect::<Option<Vec<_>>>()
            .unwrap_or_default();
        if balancer.addresses.is_empty() {
            addresses.push(self.address);
        }
        addresses.sort_unstable();
        addresses.dedup();
        Placement {
            balancer: Arc::clone(balancer),
            addresses,
            port_offset: self.port_offset,
            options: None,
        }
    }
}
