//! Protections of load balancers by Shield Advanced.

use super::Connection;
use super::state::{KeptProtection, found};
use crate::cloud::{Answer, Arn, NewProtection, Protection, Protections};
use gatewright_provider_api::contract::{Action, ErrorKind};

impl Protections for Connection {
    async fn protection(&self, balancer: &Arn) -> Answer<Option<Protection>> {
        self.read("DescribeProtection", |state| {
            let kept = state
                .protections
                .iter()
                .find(|(_, kept)| kept.balancer == *balancer);
            Ok(kept.map(|(id, kept)| Protection {
                id: id.0.clone(),
                name: kept.name.clone(),
            }))
        })
        .await
    }

    async fn create_protection(&self, new: &NewProtection) -> Answer<()> {
        let what = (Action::Create, new.name.clone());
        self.write("CreateProtection", what, |state| {
            super::check::tags(&new.tags)?;
            if !state.balancers.contains_key(&new.balancer) {
                return Err((ErrorKind::Invalid, "InvalidResourceException"));
            }
            if state
                .protections
                .values()
                .any(|kept| kept.balancer == new.balancer)
            {
                return Err((ErrorKind::NotOurs, "ResourceAlreadyExistsException"));
            }
            let id = state.make("protection", &new.tags);
            let kept = KeptProtection {
                name: new.name.clone(),
                balancer: new.balancer.clone(),
            };
            state.protections.insert(id, kept);
            Ok(())
        })
        .await
    }

    async fn delete_protection(&self, id: &str, _: &Arn) -> Answer<()> {
        let what = (Action::Delete, id.into());
        let id = Arn(id.into());
        self.write("DeleteProtection", what, |state| {
            found(state.protections.remove(&id), "ResourceNotFoundException")?;
            state.tags.remove(&id);
            Ok(())
        })
        .await
    }
}
