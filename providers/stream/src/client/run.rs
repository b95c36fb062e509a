//! The life of a client: last good state, connect, converse, try again.

use super::ClientOptions;
use super::assemble::{AssembleError, Assembler};
use super::connect::{self, ConnectError};
use super::store::{Store, StoreError};
use super::work::{Done, Job, Sink, work};
use crate::wire::{self, FromController, FromProxy, PROTOCOL, from_controller, from_proxy};
use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::stream::StreamExt;
use gatewright_model::Str;
use gatewright_model::key::ObjectName;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tonic::Status;

/// Messages that may wait to be sent. Fewer than these come before the controller reads one.
const OUTGOING: usize = 8;
/// A conversation that lasted so long was a good one: the next try comes soon.
const GOOD: Duration = Duration::from_secs(10);

/// How far the proxy's life has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// It serves.
    Serving,
    /// It finishes what it began: the controller need not wait for it any more, but goes on telling it
    /// what changes.
    Draining,
    /// It ends.
    Stopped,
}

/// The client cannot go on.
#[derive(Debug, Error)]
pub enum RunError {
    /// The folder for the last good configuration cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// [`Sink::apply`] panicked.
    #[error("the data plane failed while it took a configuration")]
    Sink,
}

/// Why a conversation ended.
#[derive(Debug, Error)]
enum End {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the controller ends the stream: {:?} {}", .0.code(), .0.message())]
    Status(Box<Status>),
    #[error("the controller ends the stream")]
    Closed,
    #[error(transparent)]
    Assemble(#[from] AssembleError),
    #[error("the controller does not read")]
    Unread,
    #[error("the data plane failed")]
    Sink,
}

impl From<Status> for End {
    fn from(status: Status) -> Self {
        Self::Status(Box::new(status))
    }
}

/// Receives the configuration of a scope and has it put to use.
pub struct Client {
    options: ClientOptions,
    assembler: Assembler,
    jobs: watch::Sender<Option<Job>>,
    done: watch::Receiver<Option<Done>>,
    stage: watch::Receiver<Stage>,
    worker: JoinHandle<()>,
    saver: Option<JoinHandle<()>>,
}

impl Client {
    /// Runs until the stage is [`Stage::Stopped`]. The last good configuration, if there is one, is put to
    /// use before the first try to connect.
    pub async fn run(
        options: ClientOptions,
        sink: Box<dyn Sink>,
        stage: watch::Receiver<Stage>,
    ) -> Result<(), RunError> {
        let mut client = Self::start(options, sink, stage).await?;
        let mut stage = client.stage.clone();
        let result = tokio::select! {
            result = client.live() => result,
            () = reached(&mut stage, Stage::Stopped) => Ok(()),
        };
        client.stop().await;
        result
    }

    async fn start(
        options: ClientOptions,
        sink: Box<dyn Sink>,
        stage: watch::Receiver<Stage>,
    ) -> Result<Self, RunError> {
        let jobs = watch::Sender::new(None);
        let (tell, done) = watch::channel(None);
        let worker = tokio::spawn(work(sink, jobs.subscribe(), tell));
        let (mut loaded, mut saver) = (None, None);
        if let Some(folder) = &options.state {
            let scope = options.scope.clone();
            let store = Store::open(folder, scope, &options.version, options.limits.clone())?;
            let from = store.clone();
            let read = tokio::task::spawn_blocking(move || from.load()).await;
            match read {
                Ok(Ok(found)) => loaded = found,
                Ok(Err(error)) => tracing::warn!("the last good configuration cannot be used: {error}"),
                Err(_) => tracing::warn!("the last good configuration cannot be used"),
            }
            let settle = options.times.settle;
            saver = Some(tokio::spawn(save(store, done.clone(), settle, loaded.is_some())));
        }
        let known = loaded.is_some();
        let limits = options.limits.clone();
        let mut client = Self {
            options,
            assembler: loaded.unwrap_or_else(|| Assembler::new(limits)),
            jobs,
            done,
            stage,
            worker,
            saver,
        };
        if known {
            client.submit();
            if client.done.changed().await.is_err() {
                return Err(RunError::Sink);
            }
            tracing::info!("serving the last good configuration");
        }
        Ok(client)
    }

    async fn live(&mut self) -> Result<(), RunError> {
        let times = self.options.times.clone();
        let policy = ExponentialBuilder::default()
            .with_min_delay(times.backoff)
            .with_max_delay(times.backoff_max)
            .with_factor(2.0)
            .with_jitter()
            .without_max_times();
        let mut waits = policy.build();
        loop {
            let begun = Instant::now();
            let end = match self.converse().await {
                End::Sink => return Err(RunError::Sink),
                end => end,
            };
            self.assembler.disconnected();
            if begun.elapsed() >= GOOD {
                waits = policy.build();
            }
            let wait = waits.next().unwrap_or(times.backoff_max);
            tracing::warn!(
                controller = %self.options.controller,
                again_ms = wait.as_millis() as u64,
                "no configuration from the controller: {end}"
            );
            tokio::time::sleep(wait).await;
        }
    }

    /// One connection, from Hello to its end.
    async fn converse(&mut self) -> End {
        match self.exchange().await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn exchange(&mut self) -> Result<Infallible, End> {
        let (outgoing, messages) = mpsc::channel(OUTGOING);
        let hello = from_proxy::Message::Hello(self.hello());
        say(&outgoing, hello)?;
        let messages = futures_util::stream::unfold(messages, |mut messages| async move {
            let message = messages.recv().await?;
            Some((message, messages))
        });
        let (mut incoming, _driver) = connect::connect(&self.options, messages.boxed()).await?;
        let (mut told, mut left) = (false, false);
        let mut stage = self.stage.clone();
        loop {
            tokio::select! {
                message = incoming.message() => {
                    let message = message?.ok_or(End::Closed)?;
                    self.hear(message)?;
                }
                changed = self.done.changed() => {
                    if changed.is_err() {
                        return Err(End::Sink);
                    }
                    let done = self.done.borrow_and_update().clone();
                    if let Some(done) = done.filter(|done| *done.job.session == *self.assembler.session()) {
                        if !std::mem::replace(&mut told, true) {
                            tracing::info!(controller = %self.options.controller, "configuration received");
                        }
                        say(&outgoing, from_proxy::Message::Outcome(done.outcome()))?;
                    }
                }
                () = reached(&mut stage, Stage::Draining), if !left => {
                    left = true;
                    say(&outgoing, from_proxy::Message::Goodbye(wire::Goodbye {}))?;
                }
            }
        }
    }

    fn hello(&self) -> wire::Hello {
        let done = self.done.borrow();
        let applied = done.as_ref().map(|done| &done.job);
        // Only what is in use counts as known.
        let position = applied
            .filter(|job| !job.session.is_empty() && *job.session == *self.assembler.session())
            .map(|job| {
                (
                    job.session.to_string(),
                    job.revision.min(self.assembler.revision()),
                )
            });
        let (session, revision) = position.unwrap_or_default();
        wire::Hello {
            protocol: PROTOCOL,
            instance: self.options.instance.clone(),
            version: self.options.version.clone(),
            scope: self.options.scope.to_string(),
            session,
            revision,
            digest: bytes::Bytes::copy_from_slice(&self.assembler.digest()),
            serving: applied.is_some(),
        }
    }

    fn hear(&mut self, message: FromController) -> Result<(), End> {
        match message.message {
            Some(from_controller::Message::Welcome(welcome)) => self.assembler.welcome(&welcome),
            Some(from_controller::Message::Changes(changes)) => {
                let complete = self.assembler.take(changes)?;
                if complete.is_some() {
                    self.submit();
                }
            }
            // A newer controller may say what this version does not know.
            None => {}
        }
        Ok(())
    }

    /// Has the newest complete configuration put to use.
    fn submit(&mut self) {
        let refused = self.assembler.refused();
        let refused: Vec<(ObjectName, Str, Str)> = refused
            .map(|(gateway, object, message)| (gateway.clone(), object.into(), message.clone()))
            .collect();
        self.jobs.send_replace(Some(Job {
            session: self.assembler.session().into(),
            revision: self.assembler.revision(),
            configuration: Arc::new(self.assembler.configuration()),
            refused: Arc::new(refused),
        }));
    }

    async fn stop(self) {
        drop(self.jobs);
        drop(self.assembler);
        let _ = self.worker.await;
        // The worker is gone: the last configuration is written now.
        if let Some(saver) = self.saver {
            let _ = saver.await;
        }
    }
}

/// Waits for a stage, or a later one. Whoever sets the stage being gone is no reason to end.
async fn reached(stage: &mut watch::Receiver<Stage>, wanted: Stage) {
    if stage.wait_for(|stage| *stage >= wanted).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn say(outgoing: &mpsc::Sender<FromProxy>, message: from_proxy::Message) -> Result<(), End> {
    let message = FromProxy {
        message: Some(message),
    };
    outgoing.try_send(message).map_err(|_| End::Unread)
}

/// Writes what is in use to disk, once it has settled.
async fn save(store: Store, mut done: watch::Receiver<Option<Done>>, settle: Duration, loaded: bool) {
    // The first configuration is the one that was read.
    if loaded && done.changed().await.is_err() {
        return;
    }
    // A last one that nobody has seen yet comes out before the end does.
    while done.changed().await.is_ok() {
        tokio::time::sleep(settle).await;
        let Some(newest) = done.borrow_and_update().clone() else {
            continue;
        };
        let to = store.clone();
        let written = tokio::task::spawn_blocking(move || {
            let Job {
                session,
                revision,
                configuration,
                refused,
            } = &newest.job;
            // What could not be read is not written: only the digest tells that it is missing.
            let session = if refused.is_empty() { session } else { "" };
            to.save(session, *revision, configuration)
        });
        match written.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("the last good configuration cannot be written: {error}"),
            Err(_) => tracing::warn!("the last good configuration cannot be written"),
        }
    }
}
