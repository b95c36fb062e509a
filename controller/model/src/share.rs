//! Equal texts of many parts, held once.
//!
//! A part that was read from bytes holds a text of its own for every name in it: each of ten thousand routes
//! its own copy of one namespace, one listener and one backend. [`Pool::share`] replaces them by one copy.
//! Texts that hardly two parts have in common (names of routes, hostnames, values of headers) stay as they
//! are: remembering them would cost more than it saves.

use crate::Str;
use crate::backend::{Backend, BackendTarget, WeightedBackend};
use crate::filter::{HeaderModifier, HttpFilter};
use crate::key::{BackendKey, ListenerKey, ListenerParent, ObjectName};
use crate::listener::Listener;
use crate::route::{Attachment, HttpMatch, HttpRoute, HttpRule, PathMatch, StreamRoute};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Texts below which it is not worth looking for ones that nobody holds any more.
const FEW: usize = 1024;

/// Texts that parts have in common. What nobody else holds is forgotten from time to time.
#[derive(Debug, Default)]
pub struct Pool {
    texts: BTreeSet<Str>,
    sweep_at: usize,
}

impl Pool {
    /// Makes a part hold the texts of the pool where it has equal ones of its own, and adds the others. The
    /// part stays equal to what it was. Shared substructures (`Arc`s with other holders) are left alone.
    pub fn share(&mut self, part: &mut impl Share) {
        part.share(self);
        if self.texts.len() > self.sweep_at.max(FEW) {
            self.texts.retain(|text| Arc::strong_count(text) > 1);
            self.sweep_at = self.texts.len() * 2;
        }
    }

    /// Number of texts held.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    fn text(&mut self, text: &mut Str) {
        match self.texts.get(&**text) {
            Some(known) => *text = Arc::clone(known),
            None => {
                self.texts.insert(Arc::clone(text));
            }
        }
    }

    fn texts<'a>(&mut self, texts: impl IntoIterator<Item = &'a mut Str>) {
        texts.into_iter().for_each(|text| self.text(text));
    }

    fn object(&mut self, object: &mut ObjectName) {
        self.text(&mut object.namespace);
        self.text(&mut object.name);
    }

    fn listener(&mut self, key: &mut ListenerKey) {
        match &mut key.parent {
            ListenerParent::Gateway(object) | ListenerParent::ListenerSet(object) => self.object(object),
        }
        self.text(&mut key.name);
    }

    fn target(&mut self, target: &mut BackendTarget) {
        match target {
            BackendTarget::Backend(BackendKey { object, .. }) => self.object(object),
            BackendTarget::Invalid(why) => self.text(why),
        }
    }

    fn attachments(&mut self, attachments: &mut [Attachment]) {
        for attachment in attachments {
            self.listener(&mut attachment.listener);
            for host in &mut attachment.hosts {
                if host.original == host.effective {
                    host.original = host.effective.clone();
                }
            }
        }
    }

    fn backends(&mut self, backends: &mut [WeightedBackend]) {
        for backend in backends {
            self.target(&mut backend.target);
            self.filters(&mut backend.filters);
        }
    }

    fn filters(&mut self, filters: &mut [HttpFilter]) {
        for filter in filters {
            match filter {
                HttpFilter::RequestHeaders(modifier) | HttpFilter::ResponseHeaders(modifier) => {
                    if let Some(HeaderModifier { set, add, remove }) = Arc::get_mut(modifier) {
                        self.texts(set.iter_mut().chain(add).map(|(name, _)| name));
                        self.texts(remove);
                    }
                }
                HttpFilter::Redirect(redirect) => {
                    if let Some(redirect) = Arc::get_mut(redirect) {
                        self.texts(redirect.scheme.iter_mut().chain(&mut redirect.hostname));
                    }
                }
                HttpFilter::UrlRewrite(rewrite) => {
                    if let Some(rewrite) = Arc::get_mut(rewrite) {
                        self.texts(&mut rewrite.hostname);
                    }
                }
                HttpFilter::Mirror(mirror) => {
                    if let Some(mirror) = Arc::get_mut(mirror) {
                        self.target(&mut mirror.backend);
                    }
                }
                HttpFilter::Cors(cors) => {
                    if let Some(cors) = Arc::get_mut(cors) {
                        let lists = [
                            &mut cors.allow_origins,
                            &mut cors.allow_methods,
                            &mut cors.allow_headers,
                            &mut cors.expose_headers,
                        ];
                        self.texts(lists.into_iter().flatten());
                    }
                }
                HttpFilter::ExternalAuth(auth) => {
                    if let Some(auth) = Arc::get_mut(auth) {
                        self.target(&mut auth.backend);
                    }
                }
            }
        }
    }

    fn condition(&mut self, condition: &mut HttpMatch) {
        match &mut condition.path {
            // What an omitted match means, so that many have it.
            PathMatch::Prefix(path) if **path == *"/" => self.text(path),
            _ => {}
        }
        self.texts(&mut condition.method);
        self.texts(condition.headers.iter_mut().map(|header| &mut header.name));
        self.texts(condition.query.iter_mut().map(|parameter| &mut parameter.name));
    }
}

/// A part whose texts can be shared.
pub trait Share {
    /// See [`Pool::share`].
    fn share(&mut self, pool: &mut Pool);
}

impl Share for HttpRoute {
    fn share(&mut self, pool: &mut Pool) {
        pool.text(&mut self.key.object.namespace);
        pool.attachments(&mut self.attachments);
        self.rules.share(pool);
    }
}

impl Share for Vec<Arc<HttpRule>> {
    fn share(&mut self, pool: &mut Pool) {
        for rule in self.iter_mut().filter_map(Arc::get_mut) {
            let HttpRule {
                matches,
                filters,
                backends,
                name,
                fault,
                ..
            } = rule;
            matches.iter_mut().for_each(|condition| pool.condition(condition));
            pool.filters(filters);
            pool.backends(backends);
            pool.texts(name.iter_mut().chain(fault));
        }
    }
}

impl Share for StreamRoute {
    fn share(&mut self, pool: &mut Pool) {
        pool.text(&mut self.key.object.namespace);
        pool.attachments(&mut self.attachments);
        self.backends.share(pool);
    }
}

impl Share for Vec<WeightedBackend> {
    fn share(&mut self, pool: &mut Pool) {
        pool.backends(self);
    }
}

impl Share for BackendKey {
    fn share(&mut self, pool: &mut Pool) {
        pool.object(&mut self.object);
    }
}

impl Share for Listener {
    fn share(&mut self, pool: &mut Pool) {
        pool.listener(&mut self.key);
    }
}

impl Share for Backend {
    fn share(&mut self, pool: &mut Pool) {
        self.key.share(pool);
    }
}

#[cfg(test)]
mod tests;
