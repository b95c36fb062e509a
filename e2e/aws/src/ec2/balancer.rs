//! Network interfaces of load balancers: one in each subnet, which hold the security groups and addresses that
//! the load balancer uses.

use super::State;
use super::group::GROUP_ID;
use super::interface::{Holder, Interface};
use super::network::SUBNET_ID;
use crate::error::ApiError;
use crate::service::Context;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Addresses that a load balancer needs free in each of its subnets, at least
/// ([subnets for ALBs](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html#subnets-load-balancer)).
pub(super) const NEEDED: u32 = 8;

/// Kinds of load balancers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BalancerKind {
    /// ALB.
    Application,
    /// NLB.
    Network,
}

/// Where a load balancer is to be.
#[derive(Clone, Debug)]
pub struct Placement {
    /// The last part of its name in AWS's scheme: `app/name/hash`.
    pub owner: String,
    /// Its kind.
    pub kind: BalancerKind,
    /// Whether it gets public addresses.
    pub internet_facing: bool,
    /// Its subnets.
    pub subnets: Vec<String>,
    /// Its security groups.
    pub groups: Vec<String>,
    /// Addresses that its user chose for a subnet.
    pub fixed: BTreeMap<String, Fixed>,
}

/// Addresses chosen for a subnet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fixed {
    /// An allocated public address.
    pub allocation: Option<String>,
    /// A private one.
    pub private: Option<Ipv4Addr>,
}

/// What a load balancer got in a subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its network interface.
    pub interface: String,
    /// Its private address.
    pub private: Ipv4Addr,
    /// Its public address.
    pub public: Option<Ipv4Addr>,
}

impl State {
    /// Gives a load balancer an interface in each of its subnets, the wanted groups to all, and releases those
    /// in other subnets. Nothing is changed on an error.
    pub fn place_load_balancer(
        &mut self,
        placement: &Placement,
        context: &Context,
    ) -> Result<BTreeMap<String, Placed>, ApiError> {
        self.sweep(context.now);
        for group in &placement.groups {
            if self.group(group, context).is_none() {
                return Err(GROUP_ID.not_found(group));
            }
        }
        for subnet in &placement.subnets {
            self.check_room(subnet, placement)?;
        }
        let holder = Holder::Balancer(placement.owner.clone());
        let leaving: Vec<String> = self
            .interfaces
            .values()
            .filter(|held| held.holder == holder && held.gone_at.is_none())
            .filter(|held| !placement.subnets.contains(&held.subnet))
            .map(|held| held.id.clone())
            .collect();
        self.leave(&leaving, context);
        let mut placed = BTreeMap::new();
        for subnet in &placement.subnets {
            let interface = match self.held_in(subnet, &holder) {
                Some(interface) => interface,
                None => self.attach(subnet, placement)?,
            };
            if let Some(interface) = self.interfaces.get_mut(&interface) {
                interface.groups.clone_from(&placement.groups);
                placed.insert(
                    subnet.clone(),
                    Placed {
                        interface: interface.id.clone(),
                        private: interface.private,
                        public: interface.public,
                    },
                );
            }
        }
        Ok(placed)
    }

    /// Lets go of all interfaces of a load balancer. They vanish after a while, and until then what they use
    /// cannot be deleted.
    pub fn release_load_balancer(&mut self, owner: &str, context: &Context) {
        let leaving: Vec<String> = self
            .interfaces
            .values()
            .filter(|held| held.gone_at.is_none())
            .filter(|held| matches!(&held.holder, Holder::Balancer(of) if of == owner))
            .map(|held| held.id.clone())
            .collect();
        self.leave(&leaving, context);
        self.sweep(context.now);
    }

    fn leave(&mut self, interfaces: &[String], context: &Context) {
        for id in interfaces {
            if let Some(interface) = self.interfaces.get_mut(id) {
                interface.gone_at = Some(context.now.saturating_add(context.settings.interface_release_ms));
                interface.public = None;
            }
            for address in self.addresses.values_mut() {
                if address.interface.as_deref() == Some(id) {
                    address.interface = None;
                }
            }
        }
    }

    fn held_in(&self, subnet: &str, holder: &Holder) -> Option<String> {
        self.interfaces
            .values()
            .find(|held| held.subnet == subnet && held.holder == *holder && held.gone_at.is_none())
            .map(|held| held.id.clone())
    }

    /// A subnet has room, and the addresses chosen for it can be had.
    fn check_room(&self, id: &str, placement: &Placement) -> Result<(), ApiError> {
        let subnet = self.subnets.get(id).ok_or_else(|| SUBNET_ID.not_found(id))?;
        if self
            .held_in(id, &Holder::Balancer(placement.owner.clone()))
            .is_some()
        {
            return Ok(());
        }
        let needed = match placement.kind {
            BalancerKind::Application => NEEDED,
            BalancerKind::Network => 1,
        };
        if self.free_addresses(subnet) < needed {
            return Err(ApiError::new(
                "InvalidSubnet",
                format!(
                    "Not enough IP space available in {id}. ELB requires at least {needed} free IP addresses in \
                     each subnet."
                ),
            ));
        }
        let Some(fixed) = placement.fixed.get(id) else {
            return Ok(());
        };
        if let Some(private) = fixed.private {
            let used = self
                .interfaces
                .values()
                .any(|held| held.private == private && held.subnet == id);
            if !subnet.cidr.contains(&private) || used {
                return Err(ApiError::new(
                    "InvalidConfigurationRequest",
                    format!("The private IPv4 address {private} is not available in {id}"),
                ));
            }
        }
        if let Some(allocation) = &fixed.allocation {
            match self.addresses.get(allocation) {
                None => {
                    return Err(ApiError::new(
                        "AllocationIdNotFound",
                        format!("The allocation ID '{allocation}' does not exist"),
                    ));
                }
                Some(address) if address.interface.is_some() => {
                    return Err(ApiError::new(
                        "ResourceInUse",
                        format!("The allocation ID '{allocation}' is already in use"),
                    ));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn attach(&mut self, id: &str, placement: &Placement) -> Result<String, ApiError> {
        let Some(subnet) = self.subnets.get(id) else {
            return Err(SUBNET_ID.not_found(id));
        };
        let (vpc, fixed) = (
            subnet.vpc.clone(),
            placement.fixed.get(id).cloned().unwrap_or_default(),
        );
        let private = fixed
            .private
            .or_else(|| self.next_address(subnet))
            .ok_or_else(|| {
                ApiError::new("InvalidSubnet", format!("Not enough IP space available in {id}."))
            })?;
        let interface = self.identifier("eni-");
        let chosen = fixed.allocation.as_ref().and_then(|allocation| {
            let address = self.addresses.get_mut(allocation)?;
            address.interface = Some(interface.clone());
            Some(address.ip)
        });
        let public = chosen.or_else(|| placement.internet_facing.then(|| self.public_address()));
        self.interfaces.insert(
            interface.clone(),
            Interface {
                id: interface.clone(),
                subnet: id.to_owned(),
                vpc,
                private,
                public,
                groups: placement.groups.clone(),
                description: format!("ELB {}", placement.owner),
                holder: Holder::Balancer(placement.owner.clone()),
                gone_at: None,
                tags: super::Tags::new(),
            },
        );
        Ok(interface)
    }
}
