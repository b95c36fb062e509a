//! UDP: an echo and a load generator, each a process of its own (this program again) on core 1.
//!
//! The load is closed: every session (a source port of its own) keeps a few datagrams in flight and sends the
//! next one for every answer. An answer that does not come within [`LOST`] is lost. Every answer must be
//! one of the session's own.

use super::load::Load;
use anyhow::{Context, Result, bail, ensure};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Source ports.
const SESSIONS: u32 = 64;
/// Datagrams of a session in flight. All together fit into a socket's default receive buffer.
const WINDOW: usize = 3;
/// Bytes of a datagram.
const SIZE: usize = 200;
/// An answer that takes longer is lost.
const LOST: Duration = Duration::from_millis(200);
/// Width of a class of the latency's histogram, and how many there are.
const CLASS: Duration = Duration::from_micros(5);
const CLASSES: usize = 40_000;

/// What this program does when it is started by itself.
#[derive(clap::Subcommand)]
pub enum Role {
    /// Send every datagram back, until killed.
    Echo {
        /// Port on loopback.
        port: u16,
    },
    /// Send to a port on loopback and count the answers.
    Load {
        /// Port on loopback.
        port: u16,
        /// How long.
        seconds: u64,
    },
}

impl Role {
    /// Plays it.
    pub fn play(&self) -> Result<()> {
        match *self {
            Self::Echo { port } => echo(port),
            Self::Load { port, seconds } => {
                let total = load(port, Duration::from_secs(seconds))?;
                println!(
                    "answered {} lost {} p99_us {}",
                    total.answered,
                    total.lost,
                    total.p99().as_micros()
                );
                Ok(())
            }
        }
    }
}

/// A child process; killed on drop.
pub struct Datagrams(Child);

impl Datagrams {
    /// Starts the echo.
    pub fn echo(port: u16) -> Result<Self> {
        let child = pinned("echo", &[&port.to_string()])?
            .spawn()
            .context("cannot start the UDP echo")?;
        let echo = Self(child);
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect((Ipv4Addr::LOCALHOST, port))?;
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        for _ in 0..100 {
            // Refused until it listens.
            if socket.send(b"?").is_ok() && socket.recv(&mut [0; 8]).is_ok() {
                return Ok(echo);
            }
            thread::sleep(Duration::from_millis(10));
        }
        bail!("the UDP echo does not answer on port {port}")
    }
}

impl Drop for Datagrams {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends for so long; how many answers came, and how many did not.
pub fn run(port: u16, seconds: u64) -> Result<(Load, u64)> {
    let output = pinned("load", &[&port.to_string(), &seconds.to_string()])?
        .output()
        .context("cannot start the UDP load")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success(),
        "the UDP load failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let field = |name: &str| -> Result<u64> {
        let mut words = text.split_whitespace();
        words
            .find(|word| *word == name)
            .and_then(|_| words.next()?.parse().ok())
            .with_context(|| format!("the UDP load printed no {name}: {text}"))
    };
    let answered = field("answered")?;
    ensure!(answered > 0, "no datagram to port {port} was answered");
    let load = Load {
        requests: answered,
        rate: answered as f64 / seconds as f64,
        p99_ms: field("p99_us")? as f64 / 1000.0,
    };
    Ok((load, field("lost")?))
}

fn pinned(role: &str, args: &[&str]) -> Result<Command> {
    let mut command = Command::new("taskset");
    command
        .args(["-c", "1"])
        .arg(crate::run::this_program()?)
        .args(["datagrams", role])
        .args(args)
        .stdin(Stdio::null());
    Ok(command)
}

fn echo(port: u16) -> Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?;
    let mut bytes = [0; 2048];
    loop {
        // An answer to a port that is gone is no reason to end.
        if let Ok((count, from)) = socket.recv_from(&mut bytes) {
            let _ = socket.send_to(bytes.get(..count).unwrap_or_default(), from);
        }
    }
}

struct Total {
    answered: u64,
    lost: u64,
    classes: Vec<u32>,
}

impl Total {
    fn new() -> Self {
        Self {
            answered: 0,
            lost: 0,
            classes: vec![0; CLASSES],
        }
    }

    fn answer(&mut self, took: Duration) {
        self.answered += 1;
        let class = (took.as_nanos() / CLASS.as_nanos()) as usize;
        if let Some(count) = self.classes.get_mut(class.min(CLASSES - 1)) {
            *count += 1;
        }
    }

    fn add(&mut self, other: &Self) {
        self.answered += other.answered;
        self.lost += other.lost;
        for (sum, count) in self.classes.iter_mut().zip(&other.classes) {
            *sum += count;
        }
    }

    fn p99(&self) -> Duration {
        let mut left = self.answered * 99 / 100;
        for (class, count) in (0_u32..).zip(&self.classes) {
            if u64::from(*count) > left {
                return CLASS * (class + 1);
            }
            left -= u64::from(*count);
        }
        Duration::ZERO
    }
}

fn load(port: u16, time: Duration) -> Result<Total> {
    let until = Instant::now() + time;
    let target = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let sessions: Vec<_> = (0..SESSIONS)
        .map(|number| thread::spawn(move || session(number, target, until)))
        .collect();
    let mut total = Total::new();
    for session in sessions {
        let one = session
            .join()
            .map_err(|_| anyhow::anyhow!("a session panicked"))??;
        total.add(&one);
    }
    Ok(total)
}

fn session(number: u32, target: SocketAddr, until: Instant) -> Result<Total> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(target)?;
    socket.set_read_timeout(Some(LOST))?;
    let mut total = Total::new();
    let mut flying: Vec<(u64, Instant)> = Vec::with_capacity(WINDOW);
    let mut sequence = 0_u64;
    let mut answer = [0; 2048];
    loop {
        let sending = Instant::now() < until;
        while sending && flying.len() < WINDOW {
            sequence += 1;
            // What cannot be sent is lost like what is not answered.
            let _ = socket.send(&datagram(number, sequence));
            flying.push((sequence, Instant::now()));
        }
        if flying.is_empty() {
            return Ok(total);
        }
        let Ok(count) = socket.recv(&mut answer) else {
            total.lost += flying.len() as u64;
            flying.clear();
            continue;
        };
        let bytes = answer.get(..count).unwrap_or_default();
        let sequence = read(number, bytes)
            .with_context(|| format!("session {number} got {count} bytes that it never sent"))?;
        // An answer that comes after its time stays lost.
        if let Some(place) = flying.iter().position(|(sent, _)| *sent == sequence) {
            let (_, sent) = flying.swap_remove(place);
            total.answer(sent.elapsed());
        }
    }
}

fn datagram(number: u32, sequence: u64) -> [u8; SIZE] {
    let mut bytes = [0x55; SIZE];
    let head = number.to_be_bytes().into_iter().chain(sequence.to_be_bytes());
    for (byte, value) in bytes.iter_mut().zip(head) {
        *byte = value;
    }
    bytes
}

/// The sequence number of a datagram of this session.
fn read(number: u32, bytes: &[u8]) -> Option<u64> {
    let (session, rest) = bytes.split_first_chunk::<4>()?;
    let (sequence, rest) = rest.split_first_chunk::<8>()?;
    let own = u32::from_be_bytes(*session) == number && bytes.len() == SIZE;
    (own && rest.iter().all(|byte| *byte == 0x55)).then(|| u64::from_be_bytes(*sequence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_knows_its_own_datagrams() {
        let sent = datagram(7, 123);
        assert_eq!(read(7, &sent), Some(123));
        assert_eq!(read(8, &sent), None);
        assert_eq!(read(7, &sent[..SIZE - 1]), None);
    }

    #[test]
    fn an_answer_in_a_hundred_may_be_slower_than_the_99th_percentile() {
        let mut total = Total::new();
        for _ in 0..990 {
            total.answer(Duration::from_micros(12));
        }
        for _ in 0..10 {
            total.answer(Duration::from_secs(1));
        }
        assert_eq!(
            total.p99(),
            Duration::from_millis(200),
            "the first of the slow ones"
        );
        total.answer(Duration::from_micros(12));
        assert_eq!(total.p99(), Duration::from_micros(15));
    }

    #[test]
    fn what_is_not_answered_is_lost_and_what_is_answered_counts() {
        // Answers every second datagram.
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let target = server.local_addr().unwrap();
        let answering = thread::spawn(move || {
            let mut bytes = [0; 2048];
            server.set_read_timeout(Some(LOST * 3)).unwrap();
            let mut seen = 0_u64;
            while let Ok((count, from)) = server.recv_from(&mut bytes) {
                seen += 1;
                if seen.is_multiple_of(2) {
                    server.send_to(&bytes[..count], from).unwrap();
                }
            }
            seen
        });
        let total = session(1, target, Instant::now() + LOST / 2).unwrap();
        let seen = answering.join().unwrap();
        assert_eq!(total.answered + total.lost, seen);
        assert!(total.answered > 0 && total.lost > 0);
    }
}
