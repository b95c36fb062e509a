//! What an installation knows and nobody else does, kept in a Secret beside the controller: our own certificate
//! authority, with the certificate that proxies see, and what keys of session tokens follow from. The first
//! process makes it; all share it.

mod ca;

use super::args::ControllerArgs;
use super::clock::Clock;
use anyhow::{Context, Result, bail};
use ca::Authority;
use gatewright_software::sessions::SessionSecret;
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

/// Entry of the Secret that keys of session tokens follow from.
const SESSIONS: &str = "sessions.key";

/// Attempts to read or make the Secret while other processes do.
const ROUNDS: usize = 8;

/// Between two looks at the Secret.
const LOOK: Duration = Duration::from_secs(300);

/// The authority in use and what follows from it.
#[derive(Clone)]
pub struct Authorities {
    namespace: String,
    names: Vec<String>,
    bundle: watch::Sender<String>,
    server: watch::Sender<Arc<ServerConfig>>,
    sessions: SessionSecret,
    clock: Clock,
}

impl Authorities {
    /// Reads the authority, or makes it.
    ///
    /// # Errors
    /// When the Secret can neither be read nor made, or holds something else.
    pub async fn load(client: &Client, args: &ControllerArgs, clock: Clock) -> Result<Self> {
        let endpoint = args.endpoint();
        let host = endpoint
            .rsplit_once(':')
            .map_or(endpoint.as_str(), |(host, _)| host);
        let names = vec![host.trim_matches(['[', ']']).to_owned()];
        let api = Api::namespaced(client.clone(), &args.namespace);
        let (authority, sessions) = load(&api, clock.now())
            .await
            .with_context(|| format!("Secret {}/{SECRET}", args.namespace))?;
        let server = server(&authority, &names, clock.now())?;
        Ok(Self {
            namespace: args.namespace.clone(),
            names,
            bundle: watch::channel(authority.bundle()).0,
            server: watch::channel(server).0,
            sessions,
            clock,
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

    /// What keys of session tokens follow from.
    pub fn sessions(&self) -> SessionSecret {
        self.sessions.clone()
    }

    /// Follows the Secret, renews the server's certificate, and, while leading, replaces the authority when
    /// its time comes.
    pub async fn keep(self, client: Client, leads: watch::Receiver<bool>) {
        let api: Api<Secret> = Api::namespaced(client, &self.namespace);
        let mut issued = self.clock.now();
        let mut known = self.bundle.borrow().clone();
        loop {
            tokio::time::sleep(LOOK).await;
            let now = self.clock.now();
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
            if bundle == known && !Authority::must_renew(issued, now) {
                continue;
            }
            match server(&authority, &self.names, now) {
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
        let sessions = entry(&changed, SESSIONS).cloned();
        let entries = data(&advanced).into_iter();
        let sessions = sessions.map(|bytes| (SESSIONS.to_owned(), bytes));
        changed.data = Some(entries.chain(sessions).collect());
        // Refused when another process was faster: the next look sees what it wrote.
        api.replace(SECRET, &PostParams::default(), &changed).await?;
        tracing::info!(secret = SECRET, "the authority moved on");
        Ok(advanced)
    }
}

async fn load(api: &Api<Secret>, now: Timestamp) -> Result<(Authority, SessionSecret)> {
    // Each time another process was faster there is more to read: a few rounds suffice.
    for _ in 0..ROUNDS {
        let found = match get(api).await? {
            Some(found) => found,
            None => Secret {
                metadata: ObjectMeta {
                    name: Some(SECRET.to_owned()),
                    ..ObjectMeta::default()
                },
                type_: Some("gatewright.dev/ca".to_owned()),
                data: Some(data(&Authority::generate(now)?)),
                ..Secret::default()
            },
        };
        let (complete, added) = with_sessions(found)?;
        let params = PostParams::default();
        let written = match (added, &complete.metadata.resource_version) {
            (_, None) => api.create(&params, &complete).await.map(drop),
            (true, Some(_)) => api.replace(SECRET, &params, &complete).await.map(drop),
            (false, Some(_)) => Ok(()),
        };
        match written {
            Ok(()) => return Ok((read(&complete)?, sessions(&complete)?)),
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => return Err(error.into()),
        }
    }
    bail!("it changes all the time")
}

/// The Secret with an entry for sessions, and whether it had none: a Secret of an earlier release has none.
fn with_sessions(mut secret: Secret) -> Result<(Secret, bool)> {
    if entry(&secret, SESSIONS).is_some() {
        return Ok((secret, false));
    }
    let made = SessionSecret::generate().context("the system gives no randomness")?;
    let entries = secret.data.get_or_insert_default();
    entries.insert(SESSIONS.to_owned(), ByteString(made.expose().to_vec()));
    Ok((secret, true))
}

fn sessions(secret: &Secret) -> Result<SessionSecret> {
    let bytes = entry(secret, SESSIONS).map(|bytes| bytes.0.as_slice());
    bytes.and_then(SessionSecret::new).with_context(|| {
        let length = SessionSecret::LENGTH;
        format!("entry {SESSIONS} does not have the {length} bytes it needs: remove the entry to have another one made")
    })
}

fn entry<'a>(secret: &'a Secret, name: &str) -> Option<&'a ByteString> {
    secret.data.as_ref()?.get(name)
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

fn server(authority: &Authority, names: &[String], now: Timestamp) -> Result<Arc<ServerConfig>> {
    let (chain, key) = authority.issue(names, now)?;
    Ok(tls::server_config(chain.as_bytes(), key.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::deadline::{ANSWER, Late};
    use crate::cluster::testing::FakeApi;
    use tokio::time::Instant;

    /// Reading, making and replacing the authority cost a deadline each, and work again afterwards.
    #[tokio::test(start_paused = true)]
    async fn an_api_server_that_does_not_answer_costs_a_deadline() {
        let fake = FakeApi::default();
        let api = Api::namespaced(fake.client(), "system");
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        fake.silence(|path| path.contains("/secrets"));
        let begun = Instant::now();
        let error = load(&api, now).await.err().unwrap();
        assert!(Late::is_cause(&error), "{error:#}");
        assert_eq!(begun.elapsed(), ANSWER);
        fake.speak();
        let (authority, sessions) = load(&api, now).await.unwrap();
        let names = vec!["controller".to_owned()];
        let authorities = Authorities {
            namespace: "system".to_owned(),
            bundle: watch::channel(authority.bundle()).0,
            server: watch::channel(server(&authority, &names, now).unwrap()).0,
            names,
            sessions,
            clock: Clock::system(),
        };
        fake.silence(|path| path.contains("/secrets"));
        let begun = Instant::now();
        let error = authorities.advance(&api, true, now).await.err().unwrap();
        assert!(Late::is_cause(&error), "{error:#}");
        assert_eq!(begun.elapsed(), ANSWER);
        fake.speak();
        assert!(authorities.advance(&api, true, now).await.unwrap() == authority);
    }

    #[test]
    fn a_secret_of_an_earlier_release_is_completed_once() {
        let authority = Authority::generate("2026-01-01T00:00:00Z".parse().unwrap()).unwrap();
        let earlier = Secret {
            data: Some(data(&authority)),
            ..Secret::default()
        };
        assert!(sessions(&earlier).is_err());
        let (complete, added) = with_sessions(earlier).unwrap();
        assert!(added);
        let first = sessions(&complete).unwrap();
        let (again, added) = with_sessions(complete).unwrap();
        assert!(!added, "what is there stays");
        assert_eq!(sessions(&again).unwrap(), first);
        assert!(read(&again).unwrap() == authority, "the authority is as it was");
    }

    #[test]
    fn an_entry_of_another_length_is_named_without_its_bytes() {
        let bytes = ByteString(b"short-secret".to_vec());
        let secret = Secret {
            data: Some(BTreeMap::from([(SESSIONS.to_owned(), bytes)])),
            ..Secret::default()
        };
        let message = sessions(&secret).err().unwrap().to_string();
        assert!(
            message.contains(SESSIONS) && !message.contains("short-secret"),
            "{message}"
        );
    }
}
