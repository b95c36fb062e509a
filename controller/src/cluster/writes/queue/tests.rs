use super::*;
use gatewright_core::snapshot::Kind;
use std::collections::BTreeSet;

fn key(name: &str) -> ObjectKey {
    ObjectKey {
        kind: Kind::HttpRoute,
        name: ObjectName::new("n", name),
    }
}

fn lane(gateway: &str) -> Lane {
    Some(ObjectName::new("n", gateway))
}

/// With the version 1, 2 or 3 of each object as its job.
fn put(queue: &mut Queue<u32>, name: &str, version: u32, now: Instant) {
    queue.put(key(name), lane("edge"), version, now);
}

fn write(name: &str, version: u32) -> Next<u32> {
    Next::Write(key(name), version, Duration::ZERO)
}

#[test]
fn the_newest_wish_of_an_object_is_written_once() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    assert!(queue.put(key("a"), None, 1, now));
    assert!(queue.put(key("b"), None, 1, now));
    assert!(!queue.put(key("a"), None, 2, now));
    assert_eq!(queue.waiting(&key("a")), Some(&2));
    assert_eq!(queue.next(now), write("a", 2));
    assert_eq!(queue.next(now), write("b", 1));
    assert_eq!(queue.next(now), Next::Idle);
}

#[test]
fn an_object_is_never_written_twice_at_once_and_not_before_it_has_rested() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    put(&mut queue, "a", 1, now);
    assert_eq!(queue.next(now), write("a", 1));
    put(&mut queue, "a", 2, now);
    assert_eq!(queue.next(now), Next::Idle, "a write is under way");
    let pause = Duration::from_millis(100);
    let pace = Pace {
        least: pause,
        most: pause * 4,
    };
    queue.done(&key("a"), now, pace);
    assert_eq!(queue.next(now), Next::Wait(now + pause));
    assert_eq!(queue.next(now + pause), write("a", 2));
}

#[test]
fn pauses_double_while_an_object_is_written_again_and_again() {
    let (mut queue, mut now) = (Queue::default(), Instant::now());
    let least = Duration::from_millis(50);
    let pace = Pace {
        least,
        most: least * 8,
    };
    for factor in [1, 2, 4, 8, 8] {
        put(&mut queue, "a", 1, now);
        assert!(matches!(queue.next(now), Next::Write(..)));
        queue.done(&key("a"), now, pace);
        put(&mut queue, "a", 2, now);
        assert_eq!(queue.next(now), Next::Wait(now + least * factor));
        now += least * factor;
    }
    now += pace.most;
    assert!(matches!(queue.next(now), Next::Write(..)));
    queue.done(&key("a"), now, pace);
    put(&mut queue, "a", 3, now);
    assert_eq!(queue.next(now), Next::Wait(now + least), "it had a long rest");
}

#[test]
fn a_failed_write_comes_back_unless_a_newer_one_waits() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    let pause = Duration::from_millis(100);
    put(&mut queue, "a", 1, now);
    queue.next(now);
    queue.again(key("a"), 1, (now, pause));
    assert_eq!(queue.next(now + pause), write("a", 1));
    put(&mut queue, "a", 2, now + pause);
    queue.again(key("a"), 1, (now + pause, pause));
    assert_eq!(queue.next(now + pause * 2), write("a", 2));
    queue.done(&key("a"), now + pause * 2, Pace::NONE);
    put(&mut queue, "a", 3, now);
    queue.cancel(&key("a"));
    assert_eq!((queue.next(now + pause * 9), queue.len()), (Next::Idle, 0));
    assert!(queue.lanes.is_empty() && queue.turns.is_empty());
}

/// The time in the queue: from the first wish on, without rests.
#[test]
fn waiting_is_counted_from_the_first_wish_and_without_rests() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    let second = Duration::from_secs(1);
    put(&mut queue, "a", 1, now);
    put(&mut queue, "a", 2, now + second);
    let later = now + second * 3;
    assert_eq!(queue.next(later), Next::Write(key("a"), 2, second * 3));
    queue.again(key("a"), 2, (later, second * 5));
    let again = later + second * 6;
    assert_eq!(queue.next(again), Next::Write(key("a"), 2, second));
}

/// "A busy Gateway never starves another": 5,000 statuses of one Gateway's routes wait when the only one of another
/// comes.
#[test]
fn many_objects_of_one_lane_do_not_stand_before_the_one_of_another() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    for number in 0..5_000 {
        queue.put(key(&format!("busy-{number:04}")), lane("busy"), 1, now);
    }
    queue.put(key("quiet"), lane("quiet"), 1, now);
    queue.put(key("class"), None, 1, now);
    let mut order = Vec::new();
    // The eight writers of statuses, of which each takes the next one as soon as it is done.
    let mut under_way = VecDeque::new();
    while let Next::Write(key, ..) = queue.next(now) {
        order.push(key.name.name.to_string());
        under_way.push_back(key);
        if under_way.len() == 8 {
            let done = under_way.pop_front().unwrap();
            queue.done(&done, now, Pace::NONE);
        }
    }
    assert_eq!(order[..4], ["busy-0000", "quiet", "class", "busy-0001"]);
    assert_eq!(order.len(), 5_002);
    let all: BTreeSet<&String> = order.iter().collect();
    assert_eq!(all.len(), 5_002, "each once");
    assert!(order[3..].is_sorted(), "a lane keeps its order");
}

/// Several busy Gateways get equal shares, also when one of them wants more all the time.
#[test]
fn lanes_take_turns() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    for name in ["a", "b", "c"] {
        for number in 0..if name == "c" { 3 } else { 10 } {
            queue.put(key(&format!("{name}{number}")), lane(name), 1, now);
        }
    }
    let mut order = String::new();
    for number in 10..30 {
        let Next::Write(found, ..) = queue.next(now) else {
            panic!("something waits");
        };
        order.push_str(&found.name.name[..1]);
        queue.done(&found, now, Pace::NONE);
        queue.put(key(&format!("a{number}")), lane("a"), 1, now);
    }
    assert_eq!(order, "abcabcabcabababababa");
}

/// A lane whose objects all rest gives its turn away, and has it back when they have rested.
#[test]
fn a_lane_that_rests_holds_up_nobody() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    let pause = Duration::from_millis(100);
    queue.put(key("a"), lane("a"), 1, now);
    queue.next(now);
    queue.again(key("a"), 1, (now, pause));
    queue.put(key("b"), lane("b"), 1, now);
    queue.put(key("c"), lane("b"), 1, now);
    assert_eq!(queue.next(now), write("b", 1));
    assert!(matches!(queue.next(now + pause), Next::Write(found, ..) if found == key("a")));
    assert!(matches!(queue.next(now + pause), Next::Write(found, ..) if found == key("c")));
}
