//! AWS's buckets, and the limiter that keeps us below them.

use crate::calls;
use crate::limiter::{Bucket, Limiter};
use gatewright_aws::memory::Turns;
use gatewright_provider_api::contract::ErrorKind;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// How long a call takes.
const TAKES: Duration = Duration::from_millis(100);

/// What AWS counts by itself: tokens of a bucket, and since when.
#[derive(Debug)]
struct Tokens {
    left: f64,
    at: Instant,
}

#[derive(Debug)]
struct Seen {
    begun: Instant,
    calls: BTreeMap<&'static str, usize>,
    writes: usize,
    throttled: usize,
}

/// AWS's buckets, written apart from the limiter.
#[derive(Debug)]
pub(super) struct Aws {
    limiter: Limiter,
    tokens: Mutex<BTreeMap<Bucket, Tokens>>,
    seen: Mutex<Seen>,
}

impl Default for Aws {
    fn default() -> Self {
        Self {
            limiter: Limiter::new(&BTreeMap::new(), Duration::from_secs(60)),
            tokens: Mutex::default(),
            seen: Mutex::new(Seen::new()),
        }
    }
}

impl Seen {
    fn new() -> Self {
        Self {
            begun: Instant::now(),
            calls: BTreeMap::new(),
            writes: 0,
            throttled: 0,
        }
    }
}

impl Aws {
    /// Begins to count anew.
    pub(super) fn begin(&self) {
        *self.seen.lock().unwrap() = Seen::new();
    }

    pub(super) fn writes(&self) -> usize {
        self.seen.lock().unwrap().writes
    }

    pub(super) fn throttled(&self) -> usize {
        self.seen.lock().unwrap().throttled
    }

    /// Time, and calls of each bucket that was used.
    pub(super) fn report(&self) -> String {
        let seen = self.seen.lock().unwrap();
        let took = seen.begun.elapsed().as_secs();
        let calls: Vec<String> = seen
            .calls
            .iter()
            .map(|(bucket, calls)| format!("{bucket} {calls}"))
            .collect();
        format!(
            "{} min {} s | {} | {} | {} |",
            took / 60,
            took % 60,
            seen.writes,
            seen.throttled,
            calls.join(", ")
        )
    }

    /// Whether AWS has a token for this call.
    fn takes(&self, bucket: Bucket) -> bool {
        let figures = bucket.figures();
        let burst = f64::from(figures.burst);
        let mut tokens = self.tokens.lock().unwrap();
        let now = Instant::now();
        let tokens = tokens.entry(bucket).or_insert(Tokens { left: burst, at: now });
        let came = now.duration_since(tokens.at).as_secs_f64() * figures.per_second;
        tokens.left = (tokens.left + came).min(burst);
        tokens.at = now;
        // Figures of floating point: a millionth of a call more is none.
        let enough = tokens.left >= 1.0 - 1e-6;
        if enough {
            tokens.left -= 1.0;
        }
        enough
    }

    async fn call(&self, operation: &'static str) -> Result<(), ErrorKind> {
        let call = calls::ALL
            .iter()
            .find(|call| call.operation == operation)
            .unwrap_or_else(|| panic!("{operation} is not in the list of calls"));
        self.limiter
            .acquire(call.bucket)
            .await
            .map_err(|busy| ErrorKind::Throttled {
                after: Some(busy.after),
            })?;
        tokio::time::sleep(TAKES).await;
        let taken = self.takes(call.bucket);
        let mut seen = self.seen.lock().unwrap();
        *seen.calls.entry(call.bucket.label()).or_default() += 1;
        seen.writes += usize::from(call.writes());
        if taken {
            return Ok(());
        }
        seen.throttled += 1;
        self.limiter.throttled(call.bucket);
        Err(ErrorKind::Throttled { after: None })
    }
}

impl Turns for Aws {
    fn turn<'a>(
        &'a self,
        operation: &'static str,
        calls: usize,
    ) -> Pin<Box<dyn Future<Output = Result<(), ErrorKind>> + Send + 'a>> {
        Box::pin(async move {
            for _ in 0..calls {
                self.call(operation).await?;
            }
            Ok(())
        })
    }
}
