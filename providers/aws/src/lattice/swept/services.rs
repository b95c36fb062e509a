//! Services, and who may call and who logs what belongs to a network or service.

use super::{On, Swept};
use crate::cloud::{Answer, Arn};
use crate::lattice::cloud::{Auth, Kind, Lattice, NewService, Service, Services};
use crate::owner::Tags;
use gatewright_aws_core::Str;
use std::collections::BTreeMap;

const ON: On<Option<Service>> = |known| &mut known.services;
const POLICIES: On<Option<Str>> = |known| &mut known.policies;
const LOGS: On<BTreeMap<Arn, Str>> = |known| &mut known.logs;

impl<C: Lattice> Services for Swept<C> {
    async fn service(&self, arn: &Arn) -> Answer<Option<Service>> {
        self.one(ON, arn, self.0.cloud.service(arn), |_| 1).await
    }

    async fn service_named(&self, name: &str) -> Answer<Option<Arn>> {
        self.count(1);
        self.0.cloud.service_named(name).await
    }

    async fn create_service(&self, new: &NewService) -> Answer<Arn> {
        self.make(Kind::Service, &new.tags, self.0.cloud.create_service(new))
            .await
    }

    async fn update_service(&self, arn: &Arn, certificate: Option<&Arn>, auth: Auth) -> Answer<()> {
        let write = self.0.cloud.update_service(arn, certificate, auth);
        self.write(arn, |known| known.drop(ON, arn), write).await
    }

    /// It is there for some time yet, and searches may show it even longer: reading it tells.
    async fn delete_service(&self, arn: &Arn) -> Answer<()> {
        let write = self.0.cloud.delete_service(arn);
        self.write(arn, |known| known.drop_whole(arn), write).await
    }

    async fn policy(&self, of: &Arn) -> Answer<Option<Str>> {
        self.one(POLICIES, of, self.0.cloud.policy(of), |_| 1).await
    }

    async fn put_policy(&self, of: &Arn, policy: &str) -> Answer<()> {
        let write = self.0.cloud.put_policy(of, policy);
        self.write(of, |known| known.drop(POLICIES, of), write).await
    }

    async fn delete_policy(&self, of: &Arn) -> Answer<()> {
        let write = self.0.cloud.delete_policy(of);
        self.write(of, |known| known.drop(POLICIES, of), write).await
    }

    async fn logs(&self, of: &Arn) -> Answer<BTreeMap<Arn, Str>> {
        let found = self.one(LOGS, of, self.0.cloud.logs(of), |_| 1).await?;
        self.known(|known| known.belong(of, found.keys()));
        Ok(found)
    }

    async fn log_to(&self, of: &Arn, destination: &str, tags: &Tags) -> Answer<()> {
        let write = self.0.cloud.log_to(of, destination, tags);
        self.write(of, |known| known.drop(LOGS, of), write).await
    }

    async fn stop_log(&self, arn: &Arn) -> Answer<()> {
        let write = self.0.cloud.stop_log(arn);
        self.write(arn, |known| known.touch_parent(LOGS, arn), write)
            .await
    }
}
