//! Names of backends resolved with their time to live.
//!
//! One thread, started with the first name, resolves all names: both address families, again when
//! the records expire. A failed resolution keeps the last good addresses. Names that resolve into
//! the machine or its neighbourhood are refused unless they are allowed to (CVE-2021-25740 and its
//! kind), after each resolution, so that a name cannot change its mind later.

use gatewright_model::Str;
use gatewright_model::address::is_reserved;
use hickory_resolver::TokioResolver;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::mpsc as blocking;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Bounds on the time between two resolutions, whatever the records say.
const REFRESH: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(5));

/// First and longest time to the next try after a failure.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Most addresses used of one name.
const MAX_ADDRESSES: usize = 256;

/// Time for one resolution.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A name to keep resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name, absolute: no search path is tried.
    pub hostname: Str,
    /// Whether loopback, link-local and metadata addresses may be used.
    pub allow_local: bool,
}

/// Resolution of names; starts its thread when first used.
#[derive(Debug, Default)]
pub struct Dns {
    requests: Mutex<Option<mpsc::UnboundedSender<Request>>>,
}

/// Keeps a name resolved until dropped.
#[derive(Debug)]
pub struct Watch {
    _stop: oneshot::Sender<()>,
    first: Mutex<Option<blocking::Receiver<()>>>,
}

/// Told the addresses after each resolution.
type Found = Box<dyn Fn(&[IpAddr]) + Send>;

struct Request {
    name: Name,
    found: Found,
    stop: oneshot::Receiver<()>,
    first: blocking::SyncSender<()>,
}

impl Dns {
    /// Keeps a name resolved: `found` gets its addresses, sorted, after each resolution that succeeds.
    pub fn watch(&self, name: Name, found: impl Fn(&[IpAddr]) + Send + 'static) -> Watch {
        let (stop_sender, stop) = oneshot::channel();
        let (first_sender, first) = blocking::sync_channel(1);
        let request = Request {
            name,
            found: Box::new(found),
            stop,
            first: first_sender,
        };
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = requests.get_or_insert_with(start);
        // Fails only when the thread could not start, which was logged.
        let _ = sender.send(request);
        Watch {
            _stop: stop_sender,
            first: Mutex::new(Some(first)),
        }
    }
}

impl Watch {
    /// Waits until the first resolution has succeeded or failed, or until `deadline`; at once when
    /// asked again.
    pub fn first(&self, deadline: Instant) {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(first) = first {
            let _ = first.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        }
    }
}

fn start() -> mpsc::UnboundedSender<Request> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let thread = std::thread::Builder::new().name("dns".to_owned()).spawn(move || {
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(serve(receiver)),
            Err(error) => tracing::error!(%error, "names of backends cannot be resolved"),
        }
    });
    if let Err(error) = thread {
        tracing::error!(%error, "names of backends cannot be resolved");
    }
    sender
}

async fn serve(mut requests: mpsc::UnboundedReceiver<Request>) {
    let resolver = match resolver() {
        Ok(resolver) => Arc::new(resolver),
        Err(error) => {
            tracing::error!(%error, "names of backends cannot be resolved: the system's resolver settings are unusable");
            return;
        }
    };
    while let Some(request) = requests.recv().await {
        tokio::spawn(follow(request, Arc::clone(&resolver)));
    }
}

fn resolver() -> Result<TokioResolver, hickory_resolver::net::NetError> {
    let mut builder = TokioResolver::builder_tokio()?;
    let options = builder.options_mut();
    options.timeout = TIMEOUT;
    options.attempts = 2;
    options.ndots = 1;
    options.ip_strategy = hickory_resolver::config::LookupIpStrategy::Ipv4AndIpv6;
    // Resolution happens when records expire; a cache would only stand in the way.
    options.cache_size = 0;
    builder.build()
}

/// The addresses of a name, asked once, by the system's settings with their search path. For names that
/// whoever runs the proxy chose: nothing is refused.
pub async fn lookup(host: &str) -> std::io::Result<Vec<IpAddr>> {
    let mut builder = TokioResolver::builder_tokio().map_err(std::io::Error::other)?;
    let options = builder.options_mut();
    options.timeout = TIMEOUT;
    options.ip_strategy = hickory_resolver::config::LookupIpStrategy::Ipv4AndIpv6;
    let resolver = builder.build().map_err(std::io::Error::other)?;
    let found = resolver.lookup_ip(host).await.map_err(std::io::Error::other)?;
    Ok(found.iter().take(MAX_ADDRESSES).collect())
}

/// Resolves one name again and again.
async fn follow(request: Request, resolver: Arc<TokioResolver>) {
    let Request {
        name,
        found,
        mut stop,
        first,
    } = request;
    let mut retry = RETRY.0;
    loop {
        let pause = match resolve(&resolver, &name).await {
            Ok((addresses, valid)) => {
                retry = RETRY.0;
                found(&addresses);
                valid.clamp(REFRESH.0, REFRESH.1)
            }
            Err(error) => {
                tracing::warn!(name = %name.hostname, error, "name not resolved; its last addresses stay in use");
                let pause = retry;
                retry = (retry * 2).min(RETRY.1);
                pause
            }
        };
        let _ = first.try_send(());
        tokio::select! {
            _ = &mut stop => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn resolve(resolver: &TokioResolver, name: &Name) -> Result<(Vec<IpAddr>, Duration), String> {
    let absolute = format!("{}.", name.hostname.trim_end_matches('.'));
    let answer = tokio::time::timeout(TIMEOUT * 2, resolver.lookup_ip(absolute.as_str()))
        .await
        .map_err(|_| "timeout".to_owned())?
        .map_err(|error| error.to_string())?;
    let addresses = usable(answer.iter(), name.allow_local)?;
    Ok((
        addresses,
        answer.valid_until().saturating_duration_since(Instant::now()),
    ))
}

/// Sorted, without duplicates, bounded, without forbidden addresses.
fn usable(answer: impl Iterator<Item = IpAddr>, allow_local: bool) -> Result<Vec<IpAddr>, String> {
    let all: BTreeSet<IpAddr> = answer.take(MAX_ADDRESSES).collect();
    let found = all.len();
    let addresses: Vec<IpAddr> = all
        .into_iter()
        .filter(|address| allow_local || !is_reserved(*address))
        .collect();
    if addresses.is_empty() {
        return Err(if found == 0 {
            "no address".to_owned()
        } else {
            format!("all of its {found} addresses are loopback, link-local, multicast or metadata addresses")
        });
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// CVE-2021-25740: a name must not lead into the machine or its neighbourhood.
    #[test]
    fn reserved_addresses_are_refused() {
        let mixed = addresses(&[
            "127.0.0.1",
            "10.0.0.2",
            "169.254.169.254",
            "::1",
            "fe80::1",
            "10.0.0.1",
            "10.0.0.2",
        ]);
        assert_eq!(
            usable(mixed.clone().into_iter(), false).unwrap(),
            addresses(&["10.0.0.1", "10.0.0.2"])
        );
        assert_eq!(usable(mixed.into_iter(), true).unwrap().len(), 6);
        let error = usable(addresses(&["127.0.0.1"]).into_iter(), false).unwrap_err();
        assert!(error.contains("loopback"), "{error}");
        assert!(usable(std::iter::empty(), true).is_err());
    }

    #[test]
    fn the_number_of_addresses_is_bounded() {
        let many = (0..10_000u32).map(|number| IpAddr::V4((0x0A00_0000 + number).into()));
        assert_eq!(usable(many, false).unwrap().len(), MAX_ADDRESSES);
    }

    /// `localhost` is in the hosts file of every system, without any name server.
    #[test]
    fn a_name_is_resolved_and_stays_watched() {
        let dns = Dns::default();
        let (sender, receiver) = blocking::channel();
        let name = Name {
            hostname: "localhost".into(),
            allow_local: true,
        };
        let watch = dns.watch(name, move |found| {
            let _ = sender.send(found.to_vec());
        });
        watch.first(Instant::now() + Duration::from_secs(10));
        let found = receiver.recv_timeout(Duration::from_secs(10)).unwrap();
        assert!(found.contains(&"127.0.0.1".parse().unwrap()), "{found:?}");
        drop(watch);
        // The watch ends: the callback, and with it the sender, is dropped.
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            match receiver.recv_timeout(Duration::from_secs(1)) {
                Err(blocking::RecvTimeoutError::Disconnected) => break,
                _ => assert!(Instant::now() < deadline),
            }
        }
    }
}
