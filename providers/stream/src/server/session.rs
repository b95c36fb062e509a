//! One stream: what its proxy was sent, and what it said.

use super::admission::Identity;
use super::feed;
use super::proxies::Arrival;
use super::{Admission, ConfigServer};
use crate::scope::Scope;
use crate::wire::{self, FromController, FromProxy, PROTOCOL, from_controller, from_proxy};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tonic::{Status, Streaming};

/// Entries that are taken out of the feed at a time.
const ENTRIES: usize = 512;
/// Longest name of an instance and of a version, bytes.
const NAME: usize = 253;

/// Where messages to the proxy go.
pub type Outbox = mpsc::Sender<Result<FromController, Status>>;

/// A stream whose proxy is known.
pub struct Session {
    server: ConfigServer,
    scope: Scope,
    id: u64,
    newest: watch::Receiver<u64>,
    closed: oneshot::Receiver<()>,
    /// Position up to which everything was sent.
    cursor: u64,
    /// Removals up to here are news to nobody: the proxy started from nothing behind them.
    begun: u64,
    /// The revision that was completed last; `None` before the first.
    committed: Option<u64>,
    /// Since when something sent is not acknowledged.
    unanswered: Option<(u64, Instant)>,
    overdue: bool,
    left: bool,
}

/// Serves one stream to its end.
pub async fn serve(
    server: ConfigServer,
    admission: Arc<dyn Admission>,
    identity: Identity,
    mut inbox: Streaming<FromProxy>,
    outbox: Outbox,
) {
    let told = match Session::begin(server, &*admission, &identity, &mut inbox, &outbox).await {
        Ok(Some(mut session)) => {
            tracing::info!(proxy = %identity.name, scope = %session.scope, "proxy connected");
            let told = session.run(&mut inbox, &outbox).await;
            tracing::info!(proxy = %identity.name, scope = %session.scope, left = session.left, "proxy disconnected");
            told
        }
        Ok(None) => return,
        Err(status) => Err(status),
    };
    if let Err(status) = told {
        tracing::debug!(proxy = %identity.name, code = ?status.code(), "stream ended: {}", status.message());
        let _ = tokio::time::timeout(Duration::from_secs(1), outbox.send(Err(status))).await;
    }
}

impl Session {
    /// Reads the first message, waits until there is something to tell, and greets. `None`: the proxy
    /// went away.
    async fn begin(
        server: ConfigServer,
        admission: &dyn Admission,
        identity: &Identity,
        inbox: &mut Streaming<FromProxy>,
        outbox: &Outbox,
    ) -> Result<Option<Self>, Status> {
        let first = tokio::time::timeout(server.options().handshake, inbox.message()).await;
        let first = first.map_err(|_| Status::deadline_exceeded("no message came"))??;
        let Some(from_proxy::Message::Hello(hello)) = first.and_then(|first| first.message) else {
            return Err(Status::invalid_argument("the first message must be Hello"));
        };
        if hello.protocol != PROTOCOL {
            return Err(Status::failed_precondition(format!(
                "found protocol {}, accepted is {PROTOCOL}",
                hello.protocol
            )));
        }
        if hello.instance.len() > NAME || hello.version.len() > NAME {
            return Err(Status::invalid_argument(format!(
                "instance and version: accepted are up to {NAME} bytes"
            )));
        }
        let scope: Scope = hello
            .scope
            .parse()
            .map_err(|error: crate::scope::ScopeError| Status::invalid_argument(error.to_string()))?;
        if !admission.authorize(identity, &scope) {
            return Err(Status::permission_denied(format!(
                "{} may not receive the configuration of {scope}",
                identity.name
            )));
        }
        let ready = async {
            let _ = server.0.opened.subscribe().wait_for(|opened| *opened).await;
            if let Scope::Gateway(_) = scope {
                // Without a word about its Gateway a proxy keeps what it serves.
                loop {
                    let mut newest = {
                        let mut state = server.state();
                        let room = state.room(&scope);
                        if room.feed.is_known() {
                            return;
                        }
                        room.newest.subscribe()
                    };
                    let _ = newest.changed().await;
                }
            }
        };
        tokio::select! {
            () = ready => {}
            () = outbox.closed() => return Ok(None),
        }
        Self::join(server, scope, identity, hello).map(Some)
    }

    fn join(
        server: ConfigServer,
        scope: Scope,
        identity: &Identity,
        hello: wire::Hello,
    ) -> Result<Self, Status> {
        let at = Start::find(&server, &scope, &hello);
        let mut state = server.state();
        if state
            .rooms
            .values()
            .map(|room| room.proxies.connected())
            .sum::<usize>()
            >= server.options().proxies
        {
            return Err(Status::resource_exhausted(format!(
                "{} proxies are connected, which is the limit",
                server.options().proxies
            )));
        }
        state.last_proxy += 1;
        let id = state.last_proxy;
        let instance = identity.instance.clone().unwrap_or(hello.instance);
        let room = state.room(&scope);
        let arrival = Arrival {
            instance,
            serving: hello.serving,
            acked: at.acked,
        };
        let closed = room.proxies.join(id, arrival);
        let newest = room.newest.subscribe();
        let begun = room.feed.newest();
        let cursor = if room.feed.reaches(at.cursor) {
            at.cursor
        } else {
            0
        };
        state.touch_all(&scope);
        drop(state);
        server.0.changed.notify_one();
        Ok(Self {
            server,
            scope,
            id,
            newest,
            closed,
            cursor,
            begun: if cursor == 0 { begun } else { 0 },
            committed: None,
            unanswered: None,
            overdue: false,
            left: false,
        })
    }

    async fn run(&mut self, inbox: &mut Streaming<FromProxy>, outbox: &Outbox) -> Result<(), Status> {
        let age = self.server.options().max_age;
        let end = Instant::now() + age + age.mul_f64(fastrand::f64() / 10.0);
        if outbox.send(Ok(self.welcome())).await.is_err() {
            return Ok(());
        }
        loop {
            let behind = self
                .committed
                .is_none_or(|committed| committed < *self.newest.borrow());
            let late = self.unanswered.filter(|_| !self.overdue);
            let late = late.map(|(_, since)| since + self.server.options().silence);
            tokio::select! {
                biased;
                message = inbox.message() => match message {
                    Ok(Some(message)) => self.hear(message)?,
                    Ok(None) | Err(_) => return Ok(()),
                },
                _ = &mut self.closed => return Err(Status::aborted("the same proxy connected again")),
                permit = outbox.reserve(), if behind => match permit {
                    Ok(permit) => if let Some(message) = self.next() {
                        permit.send(Ok(message));
                    },
                    Err(_) => return Ok(()),
                },
                changed = self.newest.changed(), if !behind => if changed.is_err() {
                    return Ok(());
                },
                () = sleep_until(late.unwrap_or(end)), if late.is_some() => self.silent(),
                () = sleep_until(end) => return Err(Status::unavailable("connect again with a new token")),
                () = outbox.closed() => return Ok(()),
            }
        }
    }

    fn welcome(&self) -> FromController {
        let welcome = wire::Welcome {
            session: name(&self.server, &self.scope),
            base: self.cursor,
        };
        FromController {
            message: Some(from_controller::Message::Welcome(welcome)),
        }
    }

    /// The next message: as much of what the proxy lacks as fits.
    fn next(&mut self) -> Option<FromController> {
        let batch = {
            let mut state = self.server.state();
            let room = state.rooms.get_mut(&self.scope)?;
            if room.feed.lost(self.cursor, self.begun) {
                // It missed removals that nobody remembers.
                self.cursor = 0;
                self.begun = room.feed.newest();
                self.committed = None;
                drop(state);
                return Some(self.welcome());
            }
            room.feed.after(self.cursor, ENTRIES)
        };
        let packed = feed::pack(&batch, self.server.options().message, self.begun);
        if !packed.unsendable.is_empty() {
            self.unsendable(packed.unsendable);
        }
        self.cursor = self.cursor.max(packed.position);
        let commit = batch.complete.filter(|_| packed.all);
        if let Some(revision) = commit {
            self.cursor = self.cursor.max(revision);
            self.committed = Some(revision);
            self.unanswered.get_or_insert((revision, Instant::now()));
        }
        let changes = wire::Changes {
            gateways: packed.gateways,
            commit,
        };
        Some(FromController {
            message: Some(from_controller::Message::Changes(changes)),
        })
    }

    fn unsendable(&self, list: Vec<(gatewright_model::key::ObjectName, crate::key::PartKey, String)>) {
        let mut state = self.server.state();
        for (gateway, key, message) in list {
            state.dirty.insert(gateway.clone());
            if let Some(room) = state.rooms.get_mut(&self.scope) {
                room.proxies.refuse(gateway, key, &message);
            }
        }
        drop(state);
        self.server.0.changed.notify_one();
    }

    fn hear(&mut self, message: FromProxy) -> Result<(), Status> {
        match message.message {
            Some(from_proxy::Message::Outcome(outcome)) => {
                self.acknowledged(&outcome);
                Ok(())
            }
            Some(from_proxy::Message::Goodbye(_)) => {
                self.left = true;
                self.depart();
                Ok(())
            }
            Some(from_proxy::Message::Hello(_)) => Err(Status::invalid_argument("Hello came twice")),
            // A newer proxy may say what this version does not know.
            None => Ok(()),
        }
    }

    fn acknowledged(&mut self, outcome: &wire::Outcome) {
        if self.left {
            return;
        }
        let sent = self.committed.unwrap_or_default();
        match self.unanswered {
            Some(_) if outcome.revision >= sent => self.unanswered = None,
            Some((since, _)) if outcome.revision >= since => self.unanswered = Some((sent, Instant::now())),
            _ => {}
        }
        self.overdue = false;
        let mut guard = self.server.state();
        let state = &mut *guard;
        let Some(room) = state.rooms.get_mut(&self.scope) else {
            return;
        };
        let (before, faults) = room.proxies.acknowledge(self.id, outcome, sent);
        state.dirty.extend(faults);
        let moved = room.feed.between(before, outcome.revision.min(sent));
        state.dirty.extend(moved.cloned());
        drop(guard);
        self.server.0.changed.notify_one();
    }

    /// It was sent something a while ago and has not answered.
    fn silent(&mut self) {
        self.overdue = true;
        let mut state = self.server.state();
        if let Some(room) = state.rooms.get_mut(&self.scope) {
            room.proxies.overdue(self.id);
        }
        state.touch_all(&self.scope);
        drop(state);
        self.server.0.changed.notify_one();
    }

    /// It will not come back.
    fn depart(&self) {
        leave(&self.server, &self.scope, self.id);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.left {
            return;
        }
        let mut state = self.server.state();
        if let Some(room) = state.rooms.get_mut(&self.scope) {
            room.proxies.lost(self.id);
        }
        state.touch_all(&self.scope);
        drop(state);
        self.server.0.changed.notify_one();
        let (server, scope, id) = (self.server.clone(), self.scope.clone(), self.id);
        // Outside of a runtime the process ends anyway.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                tokio::time::sleep(server.options().silence).await;
                leave(&server, &scope, id);
            });
        }
    }
}

fn leave(server: &ConfigServer, scope: &Scope, id: u64) {
    let mut state = server.state();
    let there = state
        .rooms
        .get_mut(scope)
        .is_some_and(|room| room.proxies.leave(id));
    if there {
        state.touch_all(scope);
        state.sweep(scope);
        drop(state);
        server.0.changed.notify_one();
    }
}

/// Name of the session of a scope: positions mean something within it.
fn name(server: &ConfigServer, scope: &Scope) -> String {
    format!("{:016x}/{scope}", server.0.start)
}

/// Where a proxy takes up.
struct Start {
    /// What it has.
    cursor: u64,
    /// What it is known to have in use.
    acked: u64,
}

impl Start {
    /// Where it stopped, when that was with this server; at the end, when it has all there is; else at
    /// the beginning.
    fn find(server: &ConfigServer, scope: &Scope, hello: &wire::Hello) -> Self {
        let (newest, parts) = {
            let mut state = server.state();
            let room = state.room(scope);
            if hello.session == name(server, scope) && room.feed.reaches(hello.revision) {
                return Self {
                    cursor: hello.revision,
                    acked: hello.revision,
                };
            }
            let newest = room.feed.newest();
            match room.digest {
                _ if hello.digest.len() != 32 => return Self { cursor: 0, acked: 0 },
                Some((at, digest)) if at == newest => {
                    let same = hello.digest == digest[..];
                    return Self {
                        cursor: if same { newest } else { 0 },
                        acked: 0,
                    };
                }
                _ => (newest, room.feed.parts()),
            }
        };
        let digest = feed::digest(&parts);
        server.state().room(scope).digest = Some((newest, digest));
        Self {
            cursor: if hello.digest == digest[..] { newest } else { 0 },
            acked: 0,
        }
    }
}
