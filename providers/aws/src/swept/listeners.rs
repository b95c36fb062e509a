//! Listeners.

use super::known::Known;
use super::{On, Swept};
use crate::cloud::{
    Action, Answer, Arn, Attributes, Cloud, Kind, Listener, ListenerSettings, Listeners, NewListener, Seen,
};
use std::collections::BTreeSet;

const ON: On<Vec<Listener>> = |known| &mut known.listeners;
const ATTRIBUTES: On<Attributes> = |known| &mut known.listener_attributes;
const CERTIFICATES: On<BTreeSet<Arn>> = |known| &mut known.listener_certificates;

/// A listener becomes another: what is known of it is on its load balancer.
fn change(known: &mut Known, listener: &Arn, after: &Action) {
    let Some(balancer) = known.parent(listener) else {
        return;
    };
    let found = known.listeners.get(&balancer).and_then(|(listeners, _)| {
        let found = listeners.iter().find(|found| found.arn == *listener)?;
        match &found.default {
            Seen::Known(action) => Some(action.clone()),
            Seen::Other(_) => None,
        }
    });
    // Not known any more after the write: that was seen to before it.
    if found.is_some() {
        known.reassociate(found.as_ref(), Some(after));
    }
    known.drop(ON, &balancer);
}

impl<C: Cloud> Listeners for Swept<C> {
    async fn listeners(&self, balancer: &Arn) -> Answer<Vec<Listener>> {
        let read = async {
            let found = self.0.cloud.listeners(balancer).await?;
            let arns = found.iter().map(|listener| listener.arn.clone()).collect();
            self.known(|known| known.set_children(balancer, arns));
            Ok(found)
        };
        self.one(ON, balancer, read).await
    }

    async fn listener_certificates(&self, listener: &Arn) -> Answer<BTreeSet<Arn>> {
        self.one(
            CERTIFICATES,
            listener,
            self.0.cloud.listener_certificates(listener),
        )
        .await
    }

    async fn listener_attributes(&self, listener: &Arn) -> Answer<Attributes> {
        self.one(ATTRIBUTES, listener, self.0.cloud.listener_attributes(listener))
            .await
    }

    async fn create_listener(&self, new: &NewListener) -> Answer<Arn> {
        let touch = |known: &mut Known| {
            known.reassociate(None, Some(&new.settings.default));
            known.drop(ON, &new.balancer);
        };
        let arn = self
            .make(&new.tags, touch, self.0.cloud.create_listener(new))
            .await?;
        self.known(|known| known.created(Kind::Listener, &arn));
        Ok(arn)
    }

    async fn modify_listener(&self, listener: &Arn, settings: &ListenerSettings) -> Answer<()> {
        let touch = |known: &mut Known| {
            change(known, listener, &settings.default);
            // Without TLS it has no certificates any more.
            known.drop(CERTIFICATES, listener);
            known.drop(ATTRIBUTES, listener);
        };
        self.write(
            &[listener],
            touch,
            self.0.cloud.modify_listener(listener, settings),
        )
        .await
    }

    async fn set_listener_attributes(&self, listener: &Arn, attributes: &Attributes) -> Answer<()> {
        let touch = |known: &mut Known| known.drop(ATTRIBUTES, listener);
        let write = self.0.cloud.set_listener_attributes(listener, attributes);
        self.write(&[listener], touch, write).await
    }

    async fn add_listener_certificate(&self, listener: &Arn, certificate: &Arn) -> Answer<()> {
        let touch = |known: &mut Known| known.drop(CERTIFICATES, listener);
        let write = self.0.cloud.add_listener_certificate(listener, certificate);
        self.write(&[listener], touch, write).await
    }

    async fn remove_listener_certificate(&self, listener: &Arn, certificate: &Arn) -> Answer<()> {
        let touch = |known: &mut Known| known.drop(CERTIFICATES, listener);
        let write = self.0.cloud.remove_listener_certificate(listener, certificate);
        self.write(&[listener], touch, write).await
    }

    async fn delete_listener(&self, listener: &Arn) -> Answer<()> {
        let touch = |known: &mut Known| {
            if let Some(balancer) = known.parent(listener) {
                known.dissociate(&balancer);
                known.drop(ON, &balancer);
            }
        };
        self.write(&[listener], touch, self.0.cloud.delete_listener(listener))
            .await?;
        self.known(|known| known.deleted(listener));
        Ok(())
    }
}
