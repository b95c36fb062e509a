//! Listeners of one load balancer, compiled one by one.

use super::certificates::Certificates;
use super::routes::{Attached, RouterChange};
use super::streams::Streams;
use super::{Refusals, Workshop};
use crate::listen::port::{StreamListener, Termination, TlsAction};
use crate::policy::ListenerFilters;
use crate::runtime::HttpListener;
use crate::stream::targets::StreamRoutes;
use crate::tls::certificates::CertificateSet;
use crate::tls::client_auth::ClientAuth;
use crate::tls::server::{Inside, OPTION_MIN_VERSION};
use arc_swap::ArcSwap;
use gatewright_model::listener::{Listener, ListenerTls, Protocol, TlsTermination};
use gatewright_model::router::ListenerRouter;
use std::sync::Arc;

/// What listeners are compiled from.
pub(super) struct Parts<'a> {
    pub(super) certificates: &'a Certificates,
    /// For listeners that are new or differ.
    pub(super) attached: &'a Attached,
    pub(super) streams: &'a Streams,
    pub(super) filters: &'a dyn Fn(&Listener) -> ListenerFilters,
    pub(super) workshop: &'a Workshop,
}

/// A compiled listener.
#[derive(Debug)]
pub(super) struct ListenerState {
    pub(super) model: Arc<Listener>,
    pub(super) traffic: Traffic,
    pub(super) tls: Option<TlsState>,
}

/// What a listener does with what is inside.
#[derive(Debug)]
pub(super) enum Traffic {
    Http(Arc<HttpListener>),
    Stream(Arc<StreamRoutes>),
}

/// How a listener treats TLS.
#[derive(Debug)]
pub(super) enum TlsState {
    Passthrough,
    Terminate {
        certificates: Arc<ArcSwap<CertificateSet>>,
        settings: TlsTermination,
        termination: Result<Termination, String>,
    },
}

impl ListenerState {
    /// A listener that was not there before.
    pub(super) fn new(model: &Arc<Listener>, parts: &Parts<'_>) -> Self {
        let traffic = if model.protocol.is_http() {
            let routes = parts.attached.get(&model.key).into_iter().flatten().cloned();
            let router = ListenerRouter::new(model.key.clone()).with_changes(routes, std::iter::empty());
            Traffic::Http(Arc::new(HttpListener {
                key: model.key.clone(),
                name: model.key.to_string().into(),
                hostname: model.hostname.clone(),
                filters: Arc::new((parts.filters)(model)),
                router,
            }))
        } else {
            Traffic::Stream(Arc::new(parts.streams.of(&model.key)))
        };
        Self {
            model: Arc::clone(model),
            traffic,
            tls: TlsState::new(model, None, parts),
        }
    }

    /// The listener with other settings; its routes stay.
    pub(super) fn change(&mut self, model: &Arc<Listener>, parts: &Parts<'_>) {
        let same_kind = self.model.protocol.is_http() == model.protocol.is_http();
        match &self.traffic {
            Traffic::Http(before) if same_kind => {
                let filters = if self.model.filters == model.filters {
                    Arc::clone(&before.filters)
                } else {
                    Arc::new((parts.filters)(model))
                };
                self.traffic = Traffic::Http(Arc::new(HttpListener {
                    key: before.key.clone(),
                    name: Arc::clone(&before.name),
                    hostname: model.hostname.clone(),
                    filters,
                    router: before.router.clone(),
                }));
            }
            Traffic::Stream(_) if same_kind => {}
            _ => {
                *self = Self::new(model, parts);
                return;
            }
        }
        self.tls = TlsState::new(model, self.tls.take(), parts);
        self.model = Arc::clone(model);
    }

    /// Other routes on an HTTP listener.
    pub(super) fn reroute(&mut self, change: RouterChange) {
        if let Traffic::Http(before) = &self.traffic {
            let RouterChange { upserts, removals } = change;
            self.traffic = Traffic::Http(Arc::new(HttpListener {
                key: before.key.clone(),
                name: Arc::clone(&before.name),
                hostname: before.hostname.clone(),
                filters: Arc::clone(&before.filters),
                router: before.router.with_changes(upserts, removals),
            }));
        }
    }

    /// Other backends behind the filters of the listener.
    pub(super) fn refilter(&mut self, parts: &Parts<'_>) {
        if let Traffic::Http(before) = &self.traffic {
            self.traffic = Traffic::Http(Arc::new(HttpListener {
                key: before.key.clone(),
                name: Arc::clone(&before.name),
                hostname: before.hostname.clone(),
                filters: Arc::new((parts.filters)(&self.model)),
                router: before.router.clone(),
            }));
        }
    }

    /// Other certificates, behind everything that uses them. Whether it serves at all may change.
    pub(super) fn recertify(&mut self, parts: &Parts<'_>) {
        let model = Arc::clone(&self.model);
        self.tls = TlsState::new(&model, self.tls.take(), parts);
    }

    /// Identity of the client validation in use.
    pub(super) fn client_validation(&self) -> Option<[u8; 32]> {
        match &self.tls {
            Some(TlsState::Terminate {
                termination: Ok(termination),
                ..
            }) => termination.client_auth.as_ref().map(|auth| auth.identity),
            _ => None,
        }
    }

    /// Why the listener does not serve.
    pub(super) fn failure(&self) -> Option<&str> {
        match &self.tls {
            Some(TlsState::Terminate {
                termination: Err(failure),
                ..
            }) => Some(failure),
            _ => None,
        }
    }

    /// What to do with a TLS connection for the listener.
    pub(super) fn action(&self) -> TlsAction {
        match (&self.tls, &self.traffic) {
            (Some(TlsState::Passthrough), Traffic::Stream(routes)) => {
                TlsAction::Passthrough(Arc::clone(routes))
            }
            (
                Some(TlsState::Terminate {
                    termination: Ok(termination),
                    ..
                }),
                traffic,
            ) => match traffic {
                Traffic::Http(..) => TlsAction::Http(termination.clone()),
                Traffic::Stream(routes) => TlsAction::Stream(termination.clone(), Arc::clone(routes)),
            },
            _ => TlsAction::Refuse,
        }
    }

    /// The listener as one of plain streams.
    pub(super) fn stream(&self) -> StreamListener {
        let routes = match &self.traffic {
            Traffic::Stream(routes) => Arc::clone(routes),
            Traffic::Http(..) => Arc::new(std::iter::empty().collect()),
        };
        StreamListener {
            key: self.model.key.clone(),
            routes,
        }
    }

    /// Says which settings are not known.
    pub(super) fn report(&self, refusals: &mut Refusals) {
        if let Some(TlsState::Terminate { settings, .. }) = &self.tls {
            for option in settings
                .options
                .keys()
                .filter(|option| &***option != OPTION_MIN_VERSION)
            {
                refusals.add(
                    &self.model.key,
                    format_args!(
                        "tls.options[{option}] is not known and has no effect; known is {OPTION_MIN_VERSION}"
                    ),
                );
            }
        }
    }
}

impl TlsState {
    /// TLS for a listener. Where settings are as before, the configuration and the snapshot of
    /// certificates behind it stay, so that handshakes go on as if nothing had happened.
    fn new(model: &Listener, before: Option<Self>, parts: &Parts<'_>) -> Option<Self> {
        let settings = match &model.tls {
            None => return None,
            Some(ListenerTls::Passthrough) => return Some(Self::Passthrough),
            Some(ListenerTls::Terminate(settings)) => settings.clone(),
        };
        let inside = if model.protocol == Protocol::Https {
            Inside::Http
        } else {
            Inside::Stream
        };
        let set = parts.certificates.set(&settings.certificates);
        let unusable = set.is_empty();
        let (certificates, kept) = match before {
            Some(Self::Terminate {
                certificates,
                settings: former,
                termination,
            }) => {
                certificates.store(Arc::new(set));
                let same = former.client_validation == settings.client_validation
                    && former.options == settings.options;
                (certificates, termination.ok().filter(|_| same))
            }
            _ => (Arc::new(ArcSwap::from_pointee(set)), None),
        };
        let termination = match kept {
            _ if unusable => Err("none of its certificates can be used".to_owned()),
            Some(termination) => Ok(termination),
            None => terminate(&certificates, &settings, inside, parts.workshop),
        };
        Some(Self::Terminate {
            certificates,
            settings,
            termination,
        })
    }
}

fn terminate(
    certificates: &Arc<ArcSwap<CertificateSet>>,
    settings: &TlsTermination,
    inside: Inside,
    workshop: &Workshop,
) -> Result<Termination, String> {
    let client_auth = match &settings.client_validation {
        None => None,
        Some(validation) => Some(Arc::new(
            ClientAuth::new(validation).map_err(|error| error.to_string())?,
        )),
    };
    let config = workshop
        .servers
        .build(certificates, client_auth.as_deref(), &settings.options, inside)
        .map_err(|error| error.to_string())?;
    Ok(Termination { config, client_auth })
}
