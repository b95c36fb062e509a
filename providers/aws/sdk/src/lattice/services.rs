//! Services, and who may call and who logs what belongs to a network or service.

use super::convert::{seen_auth, status, tags};
use super::{LATTICE, convert, existing, made};
use crate::Account;
use crate::cloud::failed;
use aws_sdk_vpclattice::types as sdk;
use gatewright_aws::cloud::{Answer, Arn};
use gatewright_aws::lattice::cloud::{Auth, NewService, Service, Services};
use gatewright_aws::owner::Tags;
use gatewright_aws_core::Str;
use std::collections::BTreeMap;

impl Services for Account {
    async fn service(&self, arn: &Arn) -> Answer<Option<Service>> {
        let request = self.lattice.get_service().service_identifier(&*arn.0);
        let answer = existing(request.send().await.map_err(failed(LATTICE, "GetService")))?;
        Ok(answer.map(|found| Service {
            arn: arn.clone(),
            name: found.name().unwrap_or_default().into(),
            domain: found.custom_domain_name().map(Into::into),
            certificate: found
                .certificate_arn()
                .filter(|arn| !arn.is_empty())
                .map(|arn| Arn(arn.into())),
            auth: seen_auth(found.auth_type()),
            status: status(
                found.status().map_or("", sdk::ServiceStatus::as_str),
                found.failure_message(),
            ),
            dns_name: found
                .dns_entry()
                .and_then(|entry| entry.domain_name())
                .unwrap_or_default()
                .into(),
        }))
    }

    async fn service_named(&self, name: &str) -> Answer<Option<Arn>> {
        named!(self.lattice.list_services(), "ListServices", name)
    }

    async fn create_service(&self, new: &NewService) -> Answer<Arn> {
        let operation = "CreateService";
        let request = self
            .lattice
            .create_service()
            .name(&*new.name)
            .set_custom_domain_name(new.domain.as_deref().map(str::to_owned))
            .set_certificate_arn(new.certificate.as_ref().map(|arn| arn.0.to_string()))
            .auth_type(convert::auth(new.auth))
            .set_tags(tags(&new.tags));
        let answer = request.send().await.map_err(failed(LATTICE, operation))?;
        made(operation, answer.arn())
    }

    async fn update_service(&self, arn: &Arn, certificate: Option<&Arn>, auth: Auth) -> Answer<()> {
        let request = self
            .lattice
            .update_service()
            .service_identifier(&*arn.0)
            .set_certificate_arn(certificate.map(|arn| arn.0.to_string()))
            .auth_type(convert::auth(auth));
        done!(request, "UpdateService")
    }

    async fn delete_service(&self, arn: &Arn) -> Answer<()> {
        let request = self.lattice.delete_service().service_identifier(&*arn.0);
        let answer = done!(request, "DeleteService");
        self.gone(answer, arn).await
    }

    async fn policy(&self, of: &Arn) -> Answer<Option<Str>> {
        let request = self.lattice.get_auth_policy().resource_identifier(&*of.0);
        let answer = existing(request.send().await.map_err(failed(LATTICE, "GetAuthPolicy")))?;
        let policy = answer.and_then(|found| found.policy().map(Str::from));
        Ok(policy.filter(|policy| !policy.is_empty()))
    }

    async fn put_policy(&self, of: &Arn, policy: &str) -> Answer<()> {
        let request = self.lattice.put_auth_policy().resource_identifier(&*of.0);
        done!(request.policy(policy), "PutAuthPolicy")
    }

    async fn delete_policy(&self, of: &Arn) -> Answer<()> {
        let request = self.lattice.delete_auth_policy().resource_identifier(&*of.0);
        done!(request, "DeleteAuthPolicy")
    }

    async fn logs(&self, of: &Arn) -> Answer<BTreeMap<Arn, Str>> {
        let request = self
            .lattice
            .list_access_log_subscriptions()
            .resource_identifier(&*of.0);
        let items = request.into_paginator().items().send().try_collect().await;
        let items: Vec<sdk::AccessLogSubscriptionSummary> =
            items.map_err(failed(LATTICE, "ListAccessLogSubscriptions"))?;
        let of_item = |item: &sdk::AccessLogSubscriptionSummary| {
            (Arn(item.arn().into()), Str::from(item.destination_arn()))
        };
        Ok(items.iter().map(of_item).collect())
    }

    async fn log_to(&self, of: &Arn, destination: &str, given: &Tags) -> Answer<()> {
        let request = self
            .lattice
            .create_access_log_subscription()
            .resource_identifier(&*of.0)
            .destination_arn(destination)
            .set_tags(tags(given));
        done!(request, "CreateAccessLogSubscription")
    }

    async fn stop_log(&self, arn: &Arn) -> Answer<()> {
        let request = self
            .lattice
            .delete_access_log_subscription()
            .access_log_subscription_identifier(&*arn.0);
        let answer = done!(request, "DeleteAccessLogSubscription");
        self.gone(answer, arn).await
    }
}
