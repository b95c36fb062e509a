//! The CA bundle by which the API server knows the webhook: in the `MutatingWebhookConfiguration` that the chart makes.

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use kube::api::PostParams;
use kube::{Api, Client};
use std::time::Duration;
use tokio::sync::watch;

/// Between two looks: whoever applies the configuration anew may take the bundle out.
const LOOK: Duration = Duration::from_secs(60);

/// After a failure.
const AGAIN: Duration = Duration::from_secs(5);

/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Keeps the bundle of one configuration.
pub struct Registration {
    api: Api<MutatingWebhookConfiguration>,
    name: String,
}

impl Registration {
    /// Of the configuration with this name.
    pub fn new(client: Client, name: &str) -> Self {
        Self {
            api: Api::all(client),
            name: name.to_owned(),
        }
    }

    /// Keeps the bundle what `bundle` says, PEM, while this process leads.
    pub async fn keep(self, mut bundle: watch::Receiver<String>, mut leads: watch::Receiver<bool>) {
        loop {
            if leads.wait_for(|leads| *leads).await.is_err() {
                return;
            }
            let wanted = bundle.borrow_and_update().clone();
            let pause = match tokio::time::timeout(PATIENCE, self.write(&wanted)).await {
                Ok(Ok(written)) => {
                    if written {
                        tracing::info!(configuration = self.name, "CA bundle of the webhook written");
                    }
                    LOOK
                }
                Ok(Err(error)) => {
                    tracing::warn!(configuration = self.name, %error, "CA bundle of the webhook not written, trying again");
                    AGAIN
                }
                Err(_) => AGAIN,
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                // Nobody replaces the authority any more when its sender is gone: the looks go on.
                Ok(()) = bundle.changed() => {}
            }
        }
    }

    /// Writes the bundle where another one is. Answers whether that was needed. A configuration that is not there is
    /// nobody's wish.
    async fn write(&self, bundle: &str) -> kube::Result<bool> {
        let Some(mut found) = self.api.get_opt(&self.name).await? else {
            tracing::debug!(configuration = self.name, "there is no webhook");
            return Ok(false);
        };
        let mut differs = false;
        for webhook in found.webhooks.iter_mut().flatten() {
            let known = webhook.client_config.ca_bundle.as_ref();
            if known.is_none_or(|known| known.0 != bundle.as_bytes()) {
                webhook.client_config.ca_bundle = Some(ByteString(bundle.as_bytes().to_vec()));
                differs = true;
            }
        }
        if differs {
            // With its version: whoever changed it meanwhile is not undone.
            self.api
                .replace(&self.name, &PostParams::default(), &found)
                .await?;
        }
        Ok(differs)
    }
}
