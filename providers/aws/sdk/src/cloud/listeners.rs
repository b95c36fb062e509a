//! Listeners.

use super::convert::{action, attributes, listener, pairs, tags_to_elb};
use super::{ELB, failed, gone_is_fine, odd};
use crate::Account;
use aws_sdk_elasticloadbalancingv2::types as sdk;
use gatewright_aws::cloud::{
    Answer, Arn, Attributes, Clients, Listener, ListenerSettings, Listeners, NewListener,
};
use std::collections::BTreeSet;

impl Listeners for Account {
    async fn listeners(&self, balancer: &Arn) -> Answer<Vec<Listener>> {
        let operation = "DescribeListeners";
        let request = self.elb.describe_listeners().load_balancer_arn(&*balancer.0);
        let items = request.into_paginator().items().send().try_collect().await;
        let items = items.map_err(failed(ELB, operation))?;
        let read = |one| {
            listener::from_sdk(one).map_err(|field| odd(operation, format_args!("{field} is missing or new")))
        };
        items.iter().map(read).collect()
    }

    async fn listener_certificates(&self, listener: &Arn) -> Answer<BTreeSet<Arn>> {
        let request = self
            .elb
            .describe_listener_certificates()
            .listener_arn(&*listener.0);
        let items = request.into_paginator().items().send().try_collect().await;
        let items: Vec<sdk::Certificate> = items.map_err(failed(ELB, "DescribeListenerCertificates"))?;
        let others = items.iter().filter(|one| one.is_default() != Some(true));
        Ok(others
            .filter_map(|one| one.certificate_arn().map(|arn| Arn(arn.into())))
            .collect())
    }

    async fn listener_attributes(&self, listener: &Arn) -> Answer<Attributes> {
        let request = self.elb.describe_listener_attributes().listener_arn(&*listener.0);
        let answer = request
            .send()
            .await
            .map_err(failed(ELB, "DescribeListenerAttributes"))?;
        Ok(pairs(
            answer.attributes().iter().map(|one| (one.key(), one.value())),
        ))
    }

    async fn create_listener(&self, new: &NewListener) -> Answer<Arn> {
        let operation = "CreateListener";
        let NewListener {
            balancer,
            port,
            settings:
                ListenerSettings {
                    transport,
                    tls,
                    default,
                },
            tags,
        } = new;
        let mut request = self
            .elb
            .create_listener()
            .load_balancer_arn(&*balancer.0)
            .port(i32::from(*port))
            .protocol(listener::protocol(*transport, tls.as_ref()))
            .default_actions(action::to_sdk(default))
            .set_tags(tags_to_elb(tags));
        if let Some(tls) = tls {
            request = request
                .ssl_policy(&*tls.policy)
                .set_alpn_policy(listener::alpn(*transport, tls))
                .certificates(listener::certificate(&tls.certificate));
            if tls.clients != Clients::Off {
                request = request.mutual_authentication(listener::clients_to_sdk(&tls.clients));
            }
        }
        let answer = request.send().await.map_err(failed(ELB, operation))?;
        let made = answer.listeners().first().and_then(sdk::Listener::listener_arn);
        made.map(|arn| Arn(arn.into()))
            .ok_or_else(|| odd(operation, "no ARN in the answer"))
    }

    async fn modify_listener(&self, arn: &Arn, settings: &ListenerSettings) -> Answer<()> {
        let ListenerSettings {
            transport,
            tls,
            default,
        } = settings;
        let mut request = self
            .elb
            .modify_listener()
            .listener_arn(&*arn.0)
            .protocol(listener::protocol(*transport, tls.as_ref()))
            .default_actions(action::to_sdk(default));
        if let Some(tls) = tls {
            request = request
                .ssl_policy(&*tls.policy)
                .set_alpn_policy(listener::alpn(*transport, tls))
                .certificates(listener::certificate(&tls.certificate));
            if transport.is_http() {
                request = request.mutual_authentication(listener::clients_to_sdk(&tls.clients));
            }
        }
        request.send().await.map_err(failed(ELB, "ModifyListener"))?;
        Ok(())
    }

    async fn set_listener_attributes(&self, listener: &Arn, wanted: &Attributes) -> Answer<()> {
        let mut request = self.elb.modify_listener_attributes().listener_arn(&*listener.0);
        for (key, value) in attributes(wanted) {
            request = request.attributes(sdk::ListenerAttribute::builder().key(key).value(value).build());
        }
        request
            .send()
            .await
            .map_err(failed(ELB, "ModifyListenerAttributes"))?;
        Ok(())
    }

    async fn add_listener_certificate(&self, arn: &Arn, certificate: &Arn) -> Answer<()> {
        let request = self.elb.add_listener_certificates().listener_arn(&*arn.0);
        let request = request.certificates(listener::certificate(certificate));
        request
            .send()
            .await
            .map_err(failed(ELB, "AddListenerCertificates"))?;
        Ok(())
    }

    async fn remove_listener_certificate(&self, arn: &Arn, certificate: &Arn) -> Answer<()> {
        let request = self.elb.remove_listener_certificates().listener_arn(&*arn.0);
        let request = request.certificates(listener::certificate(certificate));
        request
            .send()
            .await
            .map_err(failed(ELB, "RemoveListenerCertificates"))?;
        Ok(())
    }

    async fn delete_listener(&self, listener: &Arn) -> Answer<()> {
        let request = self.elb.delete_listener().listener_arn(&*listener.0);
        let answer = request.send().await.map_err(failed(ELB, "DeleteListener"));
        gone_is_fine(answer, || self.elb_exists(listener)).await
    }
}
