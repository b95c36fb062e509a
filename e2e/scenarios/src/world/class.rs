//! What is not in a namespace: the GatewayClass and the Gateway API's definitions.

use super::{CLASS, GATEWAY_API, World, until};
use crate::api::{JSON, MERGE};
use ::http::Method;
use anyhow::{Result, bail};
use serde_json::{Value, json};

/// Annotation of the definitions: the release they come from.
const BUNDLE: &str = "gateway.networking.k8s.io/bundle-version";

fn definition(plural: &str) -> String {
    format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{plural}.gateway.networking.k8s.io")
}

impl World {
    /// The release that a definition of the Gateway API names.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn bundle(&self, plural: &str) -> Result<String> {
        let (_, found) = self
            .api
            .ask(Method::GET, &definition(plural), JSON, Vec::new())
            .await?;
        match found["metadata"]["annotations"][BUNDLE].as_str() {
            Some(version) => Ok(version.to_owned()),
            None => bail!("definition {plural} names no release: {}", found["metadata"]),
        }
    }

    /// Makes a definition name this release.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn set_bundle(&self, plural: &str, version: &str) -> Result<()> {
        let patch = json!({"metadata": {"annotations": {BUNDLE: version}}});
        let path = definition(plural);
        let body = patch.to_string().into_bytes();
        let (status, answer) = self.api.ask(Method::PATCH, &path, MERGE, body).await?;
        if !status.is_success() {
            bail!("definition {plural}: {status}: {answer}");
        }
        Ok(())
    }

    /// Waits until the chart's GatewayClass is in a state, and answers it.
    ///
    /// # Errors
    /// With the last state, after two minutes.
    pub async fn class(&self, what: &str, test: impl Fn(&Value) -> bool) -> Result<Value> {
        let path = format!("/apis/{GATEWAY_API}/gatewayclasses/{CLASS}");
        let look = async || {
            let (_, found) = self.api.ask(Method::GET, &path, JSON, Vec::new()).await?;
            Ok(if test(&found) {
                Ok(found)
            } else {
                Err(found["status"].to_string())
            })
        };
        until(&format!("GatewayClass {CLASS}: {what}"), look).await
    }
}
