//! Our own certificate authority, kept in a Secret beside the controller, and the certificate that proxies
//! see. The first process makes it; all share it.

mod ca;

use super::args::ControllerArgs;
use anyhow::{Context, Result};
use ca::Authority;
use gatewright_stream::tls;
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::{Api, Client};
use rustls::ServerConfig;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Name of the Secret.
const SECRET: &str = "gatewright-ca";

/// Between two looks at the Secret.
const LOOK: Duration = Duration::from_secs(300);

/// The authority in use and what follows from it.
#[derive(Clone)]
pub struct Authorities {
    namespace: String,
    names: Vec<String>,
    bundle: watch::Sender<String>,
    server: watch::Sender<Arc<ServerConfig>>,
}

impl Authorities {
    /// Reads the authority, or makes it.
    ///
    /// # Errors
    /// When the Secret can neither be read nor made, or holds something else.
    pub async fn load(client: &Client, args: &ControllerArgs) -> Result<Self> {
        let endpoint = args.endpoint();
        let host = endpoint
            .rsplit_once(':')
            .map_or(endpoint.as_str(), |(host, _)| host);
        let names = vec![host.trim_matches(['[', ']']).to_owned()];
        let api = Api::namespaced(client.clone(), &args.namespace);
        let authority = load(&api)
            .await
            .with_context(|| format!("Secret {}/{SECRET}", args.namespace))?;
        let server = server(&authority, &names)?;
        Ok(Self {
            namespace: args.namespace.clone(),
            names,
            bundle: watch::channel(authority.bundle()).0,
            server: watch::channel(server).0,
        })
    }

    /// What proxies are to trust, PEM.
    pub fn bundle(&self) -> watch::Receiver<String> {
        self.bundle.subscribe()
    }

    /// TLS of the configuration server.
    pub fn server(&self) -> watch::Receiver<Arc<ServerConfig>> {
        self.server.subscribe()
    }

    /// Follows the Secret, renews the server's certificate, and, while leading, replaces the authority when
    /// its time comes.
    pub async fn keep(self, client: Client, leads: watch::Receiver<bool>) {
        let api: Api<Secret> = Api::namespaced(client, &self.namespace);
        let mut issued = Timestamp::now();
        let mut known = self.bundle.borrow().clone();
        loop {
            tokio::time::sleep(LOOK).await;
            let now = Timestamp::now();
            let leading = *leads.borrow();
            let authority = match self.advance(&api, leading, now).await {
                Ok(authority) => authority,
                Err(error) => {
                    tracing::warn!(
                        secret = SECRET,
                        error = format!("{error:#}"),
                        "cannot follow the authority"
                    );
                    continue;
                }
            };
            let bundle = authority.bundle();
            if bundle == known && now.duration_since(issued) < Authority::renewal() {
                continue;
            }
            match server(&authority, &self.names) {
                Ok(server) => {
                    self.server.send_replace(server);
                    self.bundle.send_replace(bundle.clone());
                    (known, issued) = (bundle, now);
                }
                Err(error) => tracing::error!(error = format!("{error:#}"), "no certificate for proxies"),
            }
        }
    }

    async fn advance(&self, api: &Api<Secret>, leads: bool, now: Timestamp) -> Result<Authority> {
        let secret = api.get(SECRET).await?;
        let authority = read(&secret)?;
        let Some(advanced) = authority.advance(now)?.filter(|_| leads) else {
            return Ok(authority);
        };
        let mut changed = secret;
        changed.data = Some(data(&advanced));
        // Refused when another process was faster: the next look sees what it wrote.
        api.replace(SECRET, &PostParams::default(), &changed).await?;
        tracing::info!(secret = SECRET, "the authority moved on");
        Ok(advanced)
    }
}

async fn load(api: &Api<Secret>) -> Result<Authority> {
    if let Some(found) = get(api).await? {
        return read(&found);
    }
    let authority = Authority::generate(Timestamp::now())?;
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(SECRET.to_owned()),
            ..ObjectMeta::default()
        },
        type_: Some("gatewright.dev/ca".to_owned()),
        data: Some(data(&authority)),
        ..Secret::default()
    };
    match api.create(&PostParams::default(), &secret).await {
        Ok(_) => Ok(authority),
        Err(kube::Error::Api(status)) if status.code == 409 => {
            let found = get(api).await?.context("it exists and cannot be found")?;
            read(&found)
        }
        Err(error) => Err(error.into()),
    }
}

async fn get(api: &Api<Secret>) -> Result<Option<Secret>> {
    Ok(api.get_opt(SECRET).await?)
}

fn read(secret: &Secret) -> Result<Authority> {
    let entries = secret
        .data
        .iter()
        .flatten()
        .map(|(name, bytes)| (name.clone(), bytes.0.clone()));
    Ok(Authority::read(&entries.collect())?)
}

fn data(authority: &Authority) -> BTreeMap<String, ByteString> {
    let entries = authority.entries().into_iter();
    entries.map(|(name, bytes)| (name, ByteString(bytes))).collect()
}

fn server(authority: &Authority, names: &[String]) -> Result<Arc<ServerConfig>> {
    let (chain, key) = authority.issue(names, Timestamp::now())?;
    Ok(tls::server_config(chain.as_bytes(), key.as_bytes())?)
}
