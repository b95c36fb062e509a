//! A cluster's objects, read once.

use super::catalog::{Catalog, Nodes};
use super::deadline::Deadlines;
use super::options;
use super::prune;
use super::watch::{Input, read};
use anyhow::{Context, Result};
use gatewright_core::Engine;
use gatewright_core::backend::{BackendOptions, ExternalNames, Location};
use gatewright_core::snapshot::Change;
use gatewright_model::Str;
use gatewright_provider_api::Provider;
use kube::api::{DynamicObject, ListParams, TypeMeta};
use kube::client::ClientBuilder;
use kube::config::KubeConfigOptions;
use kube::{Api, Client, Config};

/// Objects asked for at a time.
const PAGE: u32 = 500;

/// An engine with everything that the API server of a context of the kubeconfig has.
pub async fn engine(
    context: Option<&str>,
    controllers: &[(Str, Provider)],
    (external_names, nodes): (ExternalNames, Nodes),
) -> Result<Engine> {
    let client = client(context).await?;
    let catalog = Catalog::ask(&client, nodes)
        .await
        .context("asking what is served")?;
    let backends = BackendOptions {
        external_names,
        location: Location::Cluster,
    };
    let proxy = Provider::Software.controller_name();
    let mut engine = Engine::new(options::engine((proxy, controllers), &catalog, backends));
    let mut changes = Vec::new();
    for (kind, (resource, _)) in &catalog.kinds {
        let api: Api<DynamicObject> = Api::all_with(client.clone(), resource);
        let mut params = ListParams::default().limit(PAGE);
        if let Some(fields) = prune::field_selector(*kind) {
            params = params.fields(fields);
        }
        if let Some(labels) = prune::label_selector(*kind) {
            params = params.labels(&labels);
        }
        loop {
            let page = api
                .list(&params)
                .await
                .with_context(|| format!("listing {kind}"))?;
            for mut object in page.items {
                // Lists of built-in kinds say it once, not on each item.
                object.types.get_or_insert_with(|| TypeMeta {
                    api_version: resource.api_version.clone(),
                    kind: resource.kind.clone(),
                });
                match read(*kind, object) {
                    Input::Upsert { object, .. } => changes.push(Change::Upsert(object.into())),
                    Input::Unreadable { key, message, .. } => {
                        tracing::warn!(object = %key, message, "cannot be read");
                    }
                    Input::Delete(_) | Input::Synced(_) | Input::Failed { .. } => {}
                }
            }
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => break,
            }
        }
    }
    engine.update(changes, jiff::Timestamp::now());
    Ok(engine)
}

async fn client(context: Option<&str>) -> Result<Client> {
    let config = match context {
        Some(context) => {
            let options = KubeConfigOptions {
                context: Some(context.to_owned()),
                ..KubeConfigOptions::default()
            };
            Config::from_kubeconfig(&options).await?
        }
        None => Config::infer().await?,
    };
    Ok(ClientBuilder::try_from(config)?.with_layer(&Deadlines).build())
}
