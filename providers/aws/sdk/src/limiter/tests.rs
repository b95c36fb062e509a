use super::{Basis, Bucket, Busy, Figures, Limiter, Limiters};
use gatewright_aws::cloud::Urgency;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

fn limiter(burst: u32, per_second: f64) -> Arc<Limiter> {
    let raised = BTreeMap::from([(Bucket::ElbModify, Figures { burst, per_second })]);
    Arc::new(Limiter::new(&raised, MINUTE))
}

async fn calls(limiter: &Limiter, count: u32) -> Duration {
    let start = Instant::now();
    for _ in 0..count {
        limiter.acquire(Bucket::ElbModify).await.unwrap();
    }
    start.elapsed()
}

/// "Describe 40, refill 10 a second" (elb-api-throttling): 40 at once, then 10 a second.
#[tokio::test(start_paused = true)]
async fn a_burst_is_free_and_then_the_rate_rules() {
    let limiter = Limiter::new(&BTreeMap::new(), MINUTE);
    let start = Instant::now();
    for _ in 0..40 {
        assert_eq!(limiter.acquire(Bucket::ElbDescribe).await, Ok(Duration::ZERO));
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    for _ in 0..100 {
        limiter.acquire(Bucket::ElbDescribe).await.unwrap();
    }
    let took = start.elapsed();
    assert!(
        (Duration::from_secs(10)..Duration::from_millis(10_200)).contains(&took),
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn never_more_than_the_bucket_gives_in_any_window() {
    let limiter = limiter(5, 4.0);
    let mut times = Vec::new();
    for pause in [0, 300, 10_000, 0, 2_000] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        for _ in 0..20 {
            limiter.acquire(Bucket::ElbModify).await.unwrap();
            times.push(Instant::now());
        }
    }
    for (i, from) in times.iter().enumerate() {
        for (j, to) in times.iter().enumerate().skip(i) {
            let allowed = 5.0 + 4.0 * to.duration_since(*from).as_secs_f64();
            assert!((j - i + 1) as f64 <= allowed + 0.01, "{i}..{j}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn buckets_do_not_touch_each_other() {
    let limiter = limiter(1, 1.0);
    assert!(calls(&limiter, 3).await >= Duration::from_secs(2));
    limiter.throttled(Bucket::ElbModify);
    assert_eq!(limiter.acquire(Bucket::ElbTargets).await, Ok(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn callers_are_served_in_the_order_of_their_arrival() {
    let limiter = limiter(1, 10.0);
    let served = Arc::new(AtomicU32::new(0));
    let mut callers = Vec::new();
    for number in 0..50 {
        let (limiter, served) = (Arc::clone(&limiter), Arc::clone(&served));
        callers.push(tokio::spawn(async move {
            limiter.acquire(Bucket::ElbModify).await.unwrap();
            assert_eq!(served.fetch_add(1, Ordering::SeqCst), number);
        }));
        tokio::task::yield_now().await;
    }
    for caller in callers {
        caller.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn who_stops_waiting_has_cost_nothing() {
    let limiter = limiter(1, 1.0);
    calls(&limiter, 1).await;
    for _ in 0..20 {
        let given_up = tokio::time::timeout(Duration::from_millis(10), limiter.acquire(Bucket::ElbModify));
        assert!(given_up.await.is_err());
    }
    assert_eq!(limiter.waiting(Bucket::ElbModify), 0);
    // 0.2 s have passed; the next token comes after 1 s, whatever the twenty wanted.
    let took = calls(&limiter, 1).await;
    assert!(took <= Duration::from_millis(810), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_too_long_is_refused_at_once_and_says_when() {
    let limiter = limiter(1, 1.0);
    let mut waiting = Vec::new();
    for _ in 0..61 {
        let limiter = Arc::clone(&limiter);
        waiting.push(tokio::spawn(
            async move { limiter.acquire(Bucket::ElbModify).await },
        ));
        tokio::task::yield_now().await;
    }
    let start = Instant::now();
    let busy = limiter.acquire(Bucket::ElbModify).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    let Err(Busy { bucket, after }) = busy else {
        panic!("{busy:?}");
    };
    assert_eq!(bucket, Bucket::ElbModify);
    assert_eq!(after.as_secs(), 61);
    for caller in waiting {
        caller.await.unwrap().unwrap();
    }
}

/// Looks without end by so many callers; how many calls they have made.
fn look(limiter: &Arc<Limiter>, callers: usize) -> (Arc<AtomicU32>, tokio::task::JoinSet<()>) {
    let made = Arc::new(AtomicU32::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..callers {
        let (limiter, made) = (Arc::clone(limiter), Arc::clone(&made));
        tasks.spawn(Urgency::Look.of(async move {
            loop {
                limiter.acquire(Bucket::ElbDescribe).await.unwrap();
                made.fetch_add(1, Ordering::SeqCst);
            }
        }));
    }
    (made, tasks)
}

/// A change of a Gateway reads some twenty-five things. However many look at the same time, half of what AWS answers at
/// once is left for it, and the rest is its own.
#[tokio::test(start_paused = true)]
async fn a_change_does_not_wait_for_looks() {
    let limiter = Arc::new(Limiter::new(&BTreeMap::new(), MINUTE));
    let (made, _looks) = look(&limiter, 50);
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_secs(20)).await;
        let begun = Instant::now();
        for number in 0..25 {
            limiter.acquire(Bucket::ElbDescribe).await.unwrap();
            let waited = begun.elapsed();
            assert!(
                number >= 19 || waited == Duration::ZERO,
                "{number} after {waited:?}"
            );
        }
        let took = begun.elapsed();
        assert!(took <= Duration::from_millis(1_000), "{took:?}");
    }
    // The looks had everything else: twenty at once and ten a second, without the changes' 250.
    let passed = 200.0 + 10.0;
    let looks = f64::from(made.load(Ordering::SeqCst));
    assert!((passed * 10.0 - 300.0..passed * 10.0).contains(&looks), "{looks}");
}

/// Changes without end leave a fifth of the calls to looks.
#[tokio::test(start_paused = true)]
async fn looks_go_on_while_changes_never_end() {
    let limiter = Arc::new(Limiter::new(&BTreeMap::new(), MINUTE));
    let (made, _looks) = look(&limiter, 3);
    let end = Instant::now() + Duration::from_secs(100);
    let mut changes = 0;
    while Instant::now() < end {
        limiter.acquire(Bucket::ElbDescribe).await.unwrap();
        changes += 1;
    }
    let looks = made.load(Ordering::SeqCst);
    assert!((100..=260).contains(&looks), "{looks} looks, {changes} changes");
    assert!(changes > 700, "{looks} looks, {changes} changes");
}

/// A bucket of one token has nothing to leave.
#[tokio::test(start_paused = true)]
async fn looks_have_their_turn_in_the_smallest_bucket() {
    let limiter = limiter(1, 1.0);
    let looks = Urgency::Look.of(calls(&limiter, 5)).await;
    assert!(looks <= Duration::from_millis(4_100), "{looks:?}");
}

#[tokio::test(start_paused = true)]
async fn throttling_halves_the_rate_once_a_second_down_to_a_tenth() {
    let limiter = limiter(100, 10.0);
    for _ in 0..30 {
        limiter.throttled(Bucket::ElbModify);
    }
    assert!((limiter.rate(Bucket::ElbModify) - 5.0).abs() < 0.001);
    // The burst is gone too: AWS's bucket is empty.
    let took = calls(&limiter, 1).await;
    assert!(took >= Duration::from_millis(190), "{took:?}");
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        limiter.throttled(Bucket::ElbModify);
    }
    assert!((limiter.rate(Bucket::ElbModify) - 1.0).abs() < 0.001);
}

#[tokio::test(start_paused = true)]
async fn the_rate_grows_back() {
    let limiter = limiter(1, 10.0);
    limiter.throttled(Bucket::ElbModify);
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!((limiter.rate(Bucket::ElbModify) - 7.0).abs() < 0.001);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!((limiter.rate(Bucket::ElbModify) - 10.0).abs() < 0.001);
}

/// AWS throttles at half of what we think is allowed: the calls settle near what it allows.
#[tokio::test(start_paused = true)]
async fn adapts_to_an_account_that_others_use_too() {
    let limiter = limiter(10, 10.0);
    let (mut theirs, mut filled) = (5.0_f64, Instant::now());
    let (mut served, mut refused) = (0_u32, 0_u32);
    let end = Instant::now() + Duration::from_secs(120);
    while Instant::now() < end {
        limiter.acquire(Bucket::ElbModify).await.unwrap();
        theirs = filled.elapsed().as_secs_f64().mul_add(5.0, theirs).min(5.0);
        filled = Instant::now();
        if theirs >= 1.0 {
            theirs -= 1.0;
            served += 1;
        } else {
            refused += 1;
            limiter.throttled(Bucket::ElbModify);
        }
    }
    assert!(served > 350, "{served} of 600 that AWS would have served");
    assert!(refused < served / 5, "{refused} refused, {served} served");
}

#[test]
fn an_account_and_region_has_one_limiter() {
    let limiters = Limiters::new(BTreeMap::new(), MINUTE);
    let one = limiters.of("123456789012", "eu-central-1");
    assert!(Arc::ptr_eq(&one, &limiters.of("123456789012", "eu-central-1")));
    assert!(!Arc::ptr_eq(&one, &limiters.of("123456789012", "eu-west-1")));
    assert!(!Arc::ptr_eq(&one, &limiters.of("210987654321", "eu-central-1")));
}

#[test]
fn describes_have_the_documented_figures_and_assumptions_are_marked() {
    let figures = Bucket::ElbDescribe.figures();
    assert_eq!((figures.burst, figures.per_second), (40, 10.0));
    assert!(
        matches!(Bucket::ElbDescribe.basis(), Basis::Documented(page) if page.contains("elb-api-throttling"))
    );
    assert!(matches!(Bucket::ElbModify.basis(), Basis::Assumed(_)));
    for (position, bucket) in Bucket::ALL.iter().enumerate() {
        assert_eq!(*bucket as usize, position, "{bucket:?}");
    }
}
