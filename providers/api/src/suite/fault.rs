//! Faults and kills at chosen calls.

use crate::contract::{Action, ErrorKind, Resource};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One call to the infrastructure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What was to be written; `None` for a read.
    pub write: Option<(Action, Resource)>,
    /// Whether it was carried out.
    pub carried_out: bool,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injected {
    /// It is answered with an error. `carried_out`: only after it was carried out, so that the caller
    /// cannot know.
    Error {
        /// Kind; the world answers in its API's own way.
        kind: ErrorKind,
        /// Whether it takes effect.
        carried_out: bool,
    },
    /// The caller dies.
    Kill {
        /// Whether the call still takes effect.
        carried_out: bool,
    },
}

/// What a world does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// It takes effect.
    pub carry_out: bool,
    /// Then it is answered like this; `None`: as usual.
    pub answer: Option<Answer>,
}

/// An unusual answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// An error of this kind.
    Error(ErrorKind),
    /// None, ever: the future must stay pending.
    Never,
}

/// The calls of a world: what was called, and what is to go wrong.
#[derive(Debug, Default)]
pub struct Calls(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    made: Vec<Call>,
    injected: Option<(usize, Injected)>,
}

impl Calls {
    /// A world calls this at the start of each call, with what is to be written.
    pub fn enter(&self, write: Option<(Action, Resource)>) -> Reply {
        let mut state = self.state();
        let number = state.made.len();
        let (carry_out, answer) = match state.injected {
            Some((at, injected)) if at == number => match injected {
                Injected::Error { kind, carried_out } => (carried_out, Some(Answer::Error(kind))),
                Injected::Kill { carried_out } => (carried_out, Some(Answer::Never)),
            },
            // A dead process calls nothing.
            Some((at, Injected::Kill { .. })) if at < number => (false, Some(Answer::Never)),
            _ => (true, None),
        };
        state.made.push(Call {
            write,
            carried_out: carry_out,
        });
        Reply { carry_out, answer }
    }

    /// Forgets the calls made; call number `at` from now on, counting from 0, goes wrong.
    pub fn inject(&self, at: usize, injected: Injected) {
        *self.state() = State {
            made: Vec::new(),
            injected: Some((at, injected)),
        };
    }

    /// Forgets the calls made and what was to go wrong.
    pub fn reset(&self) {
        *self.state() = State::default();
    }

    /// The calls made.
    pub fn made(&self) -> Vec<Call> {
        self.state().made.clone()
    }

    /// The writes among them that took effect.
    pub fn writes(&self) -> Vec<(Action, Resource)> {
        let made = self.made().into_iter().filter(|call| call.carried_out);
        made.filter_map(|call| call.write).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
