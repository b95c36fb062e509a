//! Services, and who may call and who logs what belongs to a network or service.

use super::super::{BUSY, Connection, IN_USE, TAKEN};
use super::{found, name, tags, text};
use crate::cloud::{Answer, Arn};
use crate::lattice::cloud::{Auth, NewService, Service, Services};
use crate::owner::Tags;
use gatewright_aws_core::Str;
use gatewright_provider_api::contract::Action as Change;
use std::collections::BTreeMap;

impl Services for Connection {
    async fn service(&self, arn: &Arn) -> Answer<Option<Service>> {
        self.read("GetService", |state| {
            Ok(state.services.get(arn).map(|new| Service {
                arn: arn.clone(),
                name: new.name.clone(),
                domain: new.domain.clone(),
                certificate: new.certificate.clone(),
                auth: new.auth,
                status: state.status(arn),
                dns_name: format!("{}.on.aws", new.name).into(),
            }))
        })
        .await
    }

    async fn service_named(&self, wanted: &str) -> Answer<Option<Arn>> {
        self.read("ListServices", |state| {
            let found = state.services.iter().find(|(_, new)| *new.name == *wanted);
            Ok(found.map(|(arn, _)| arn.clone()))
        })
        .await
    }

    async fn create_service(&self, new: &NewService) -> Answer<Arn> {
        self.write("CreateService", (Change::Create, new.name.clone()), |state| {
            name(&new.name, 40)?;
            tags(&new.tags)?;
            if state.services.values().any(|other| other.name == new.name) {
                return Err(TAKEN);
            }
            if let Some(certificate) = &new.certificate {
                found(state.certificates.get(certificate))?;
            }
            let arn = state.make("service", &new.tags);
            state.services.insert(arn.clone(), new.clone());
            Ok(arn)
        })
        .await
    }

    async fn update_service(&self, arn: &Arn, certificate: Option<&Arn>, auth: Auth) -> Answer<()> {
        self.write("UpdateService", (Change::Update, arn.0.clone()), |state| {
            if let Some(certificate) = certificate {
                found(state.certificates.get(certificate))?;
            }
            let service = found(state.services.get_mut(arn))?;
            if let Some(certificate) = certificate {
                service.certificate = Some(certificate.clone());
            }
            service.auth = auth;
            Ok(())
        })
        .await
    }

    async fn delete_service(&self, arn: &Arn) -> Answer<()> {
        self.write("DeleteService", (Change::Delete, arn.0.clone()), |state| {
            found(state.services.get(arn))?;
            if state.links.values().any(|(_, service)| service == arn) {
                return Err(IN_USE);
            }
            state.end(arn);
            Ok(())
        })
        .await
    }

    async fn policy(&self, of: &Arn) -> Answer<Option<Str>> {
        self.read("GetAuthPolicy", |state| Ok(state.policies.get(of).cloned()))
            .await
    }

    async fn put_policy(&self, of: &Arn, policy: &str) -> Answer<()> {
        self.write("PutAuthPolicy", (Change::Update, of.0.clone()), |state| {
            found(state.tags.get(of))?;
            state.policies.insert(of.clone(), text(policy));
            Ok(())
        })
        .await
    }

    async fn delete_policy(&self, of: &Arn) -> Answer<()> {
        self.write("DeleteAuthPolicy", (Change::Delete, of.0.clone()), |state| {
            found(state.policies.remove(of)).map(|_| ())
        })
        .await
    }

    async fn logs(&self, of: &Arn) -> Answer<BTreeMap<Arn, Str>> {
        self.read("ListAccessLogSubscriptions", |state| {
            let own = state.logs.iter().filter(|(_, (owner, _))| owner == of);
            Ok(own.map(|(arn, (_, to))| (arn.clone(), to.clone())).collect())
        })
        .await
    }

    async fn log_to(&self, of: &Arn, destination: &str, given: &Tags) -> Answer<()> {
        let what = (Change::Create, text(destination));
        self.write("CreateAccessLogSubscription", what, |state| {
            found(state.tags.get(of))?;
            let kept = (of.clone(), text(destination));
            if state.logs.values().any(|other| *other == kept) {
                return Err(BUSY);
            }
            let arn = state.make("accesslogsubscription", given);
            state.logs.insert(arn, kept);
            Ok(())
        })
        .await
    }

    async fn stop_log(&self, arn: &Arn) -> Answer<()> {
        let what = (Change::Delete, arn.0.clone());
        self.write("DeleteAccessLogSubscription", what, |state| {
            found(state.logs.get(arn))?;
            state.forget(arn);
            Ok(())
        })
        .await
    }
}
