//! A client that asks all the time while everything changes.
//!
//! It asks at the address of the name that it was told last, and hears of another name as late as DNS allows. Each request
//! has a connection of its own. After each write it asks at least once more before the next one, so that no state between
//! two calls goes by unseen.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// How long clients keep to an address: names of load balancers are valid for 60 s.
const VALID_MS: u64 = 60_000;

/// Between two requests.
const PAUSE: Duration = Duration::from_millis(1);

/// How long an answer may take, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub(super) host: &'static str,
    pub(super) path: &'static str,
    pub(super) port: u16,
}

#[derive(Debug)]
struct Shared {
    at: Mutex<SocketAddr>,
    /// Another address, and from when on it is asked.
    next: Mutex<Option<(u64, SocketAddr)>>,
    /// Requests that were answered or failed.
    asked: watch::Sender<u64>,
    failed: Mutex<Vec<String>>,
    ends: AtomicBool,
}

/// The client. A clone is the same one.
#[derive(Clone, Debug)]
pub(super) struct Client(Arc<Shared>);

impl Client {
    /// Asks from now on, once there is a first answer: targets are checked before they get requests.
    pub(super) async fn start(at: SocketAddr, question: Question) -> Self {
        let deadline = Instant::now() + PATIENCE;
        while let Err(why) = ask(at, question).await {
            assert!(Instant::now() < deadline, "{at}: {why}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let shared = Arc::new(Shared {
            at: Mutex::new(at),
            next: Mutex::default(),
            asked: watch::Sender::new(0),
            failed: Mutex::default(),
            ends: AtomicBool::new(false),
        });
        let client = Self(Arc::clone(&shared));
        tokio::spawn(async move {
            while !shared.ends.load(Ordering::SeqCst) {
                let at = *shared.at.lock().unwrap();
                let asking = tokio::time::timeout(PATIENCE, ask(at, question));
                let answer = asking.await.unwrap_or_else(|_| Err("no answer".to_owned()));
                if let Err(why) = answer {
                    shared.failed.lock().unwrap().push(format!("{at}: {why}"));
                }
                shared.asked.send_modify(|asked| *asked += 1);
                tokio::time::sleep(PAUSE).await;
            }
        });
        client
    }

    /// The Gateway's address is this one.
    pub(super) fn hear(&self, now: u64, at: SocketAddr) {
        let mut next = self.0.next.lock().unwrap();
        if *self.0.at.lock().unwrap() == at {
            *next = None;
        } else if next.is_none_or(|(_, known)| known != at) {
            *next = Some((now + VALID_MS, at));
        }
    }

    /// Asks elsewhere, if it is time.
    pub(super) async fn follow(&self, now: u64) {
        let due = self.0.next.lock().unwrap().take_if(|(due, _)| *due <= now);
        if let Some((_, at)) = due {
            *self.0.at.lock().unwrap() = at;
            self.another().await;
        }
    }

    /// Waits until a request has ended that begins from now on.
    pub(super) async fn another(&self) {
        if self.0.ends.load(Ordering::SeqCst) {
            return;
        }
        let mut asked = self.0.asked.subscribe();
        let wanted = *asked.borrow_and_update() + 2;
        let _ = asked.wait_for(|asked| *asked >= wanted).await;
    }

    /// Asks no more; how often it did. None may have failed.
    pub(super) async fn end(&self, case: &str) -> u64 {
        self.another().await;
        self.0.ends.store(true, Ordering::SeqCst);
        let failed = self.0.failed.lock().unwrap().clone();
        let asked = *self.0.asked.borrow();
        assert!(
            failed.is_empty(),
            "{case}: of {asked} requests failed {failed:#?}"
        );
        asked
    }
}

/// One request on a connection of its own.
async fn ask(at: SocketAddr, question: Question) -> Result<(), String> {
    let mut stream = TcpStream::connect(at)
        .await
        .map_err(|error| format!("connect: {error}"))?;
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nX-Env: blue\r\nConnection: close\r\n\r\n",
        question.path, question.host
    );
    let exchange = async {
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&answer).into_owned())
    };
    let answer = exchange.await.map_err(|error| format!("exchange: {error}"))?;
    let good = answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("pod");
    good.then_some(()).ok_or_else(|| format!("{answer:?}"))
}
