//! Buffers that exist only while there is something in them.
//!
//! An idle connection holds no buffer: it is taken from a list of the thread for a read and goes
//! back as soon as it is empty. That is what keeps ten thousand idle connections small.

use std::cell::RefCell;

/// Size of a buffer for heads and small bodies.
pub(crate) const SMALL: usize = 16 * 1024;
/// Size of a buffer for large bodies.
pub(crate) const LARGE: usize = 64 * 1024;
/// Buffers of each kind that a thread keeps for reuse.
const KEPT: usize = 64;
/// Size of the largest output buffer kept.
const OUTPUT: usize = 8 * 1024;

thread_local! {
    static SPARE: RefCell<Spare> = const {
        RefCell::new(Spare { small: Vec::new(), large: Vec::new(), output: Vec::new() })
    };
}

/// Buffers of a thread that are not in use.
struct Spare {
    small: Vec<Vec<u8>>,
    large: Vec<Vec<u8>>,
    output: Vec<Vec<u8>>,
}

/// A buffer with a filled part; empty and without memory when new.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    memory: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// The filled part.
    pub(crate) fn data(&self) -> &[u8] {
        self.memory.get(self.start..self.end).unwrap_or_default()
    }

    /// Length of the filled part.
    pub(crate) const fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether nothing is filled.
    pub(crate) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Drops bytes from the front of the filled part.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.is_empty() {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Room behind the filled part, made if necessary: at least one byte, `size` when the buffer
    /// is empty. The filled part is moved to the front or into a larger buffer when there is none.
    pub(crate) fn room(&mut self, size: usize) -> &mut [u8] {
        if self.is_empty() && self.memory.len() < size {
            self.release();
            self.memory = take(size);
        } else if self.end == self.memory.len() {
            if self.start > 0 {
                self.memory.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            } else {
                self.grow((self.memory.len() * 2).max(size));
            }
        }
        self.memory.get_mut(self.end..).unwrap_or_default()
    }

    /// Whether what was read reaches the end of a buffer smaller than `size`: more may be there to read.
    pub(crate) fn is_full_below(&self, size: usize) -> bool {
        !self.memory.is_empty() && self.end == self.memory.len() && self.end < size
    }

    /// Moves the filled part to the front of a buffer of at least `size` bytes.
    pub(crate) fn grow(&mut self, size: usize) {
        if self.memory.len() >= size {
            return;
        }
        let mut larger = take(size);
        let filled = self.data();
        if let Some(front) = larger.get_mut(..filled.len()) {
            front.copy_from_slice(filled);
        }
        self.end -= self.start;
        self.start = 0;
        let smaller = std::mem::replace(&mut self.memory, larger);
        if !smaller.is_empty() {
            give(smaller);
        }
    }

    /// Marks bytes of [`Buffer::room`] as filled.
    pub(crate) fn filled(&mut self, count: usize) {
        self.end = (self.end + count).min(self.memory.len());
    }

    /// Bytes of memory held.
    #[cfg(test)]
    pub(crate) fn memory(&self) -> usize {
        self.memory.capacity()
    }

    /// Gives the memory back if nothing is filled.
    pub(crate) fn release(&mut self) {
        if self.is_empty() && !self.memory.is_empty() {
            give(std::mem::take(&mut self.memory));
            self.start = 0;
            self.end = 0;
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if !self.memory.is_empty() {
            give(std::mem::take(&mut self.memory));
        }
    }
}

/// An empty buffer to write into, with memory if the thread has some to spare.
pub(crate) fn take_output() -> Vec<u8> {
    let spare = SPARE.try_with(|spare| spare.borrow_mut().output.pop());
    spare.ok().flatten().unwrap_or_default()
}

/// Keeps the memory of a buffer that was written out, unless there is enough or it is too large.
pub(crate) fn give_output(mut memory: Vec<u8>) {
    let _ = SPARE.try_with(|spare| {
        let list = &mut spare.borrow_mut().output;
        if list.len() < KEPT && memory.capacity() <= OUTPUT {
            memory.clear();
            list.push(memory);
        }
    });
}

fn take(size: usize) -> Vec<u8> {
    let spare = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        if size <= SMALL {
            spare.small.pop()
        } else if size <= LARGE {
            spare.large.pop()
        } else {
            None
        }
    });
    spare.ok().flatten().unwrap_or_else(|| {
        let size = if size <= SMALL { SMALL } else { size.max(LARGE) };
        vec![0; size]
    })
}

fn give(memory: Vec<u8>) {
    // While a thread ends its list may be gone already: the memory is then simply freed.
    let _ = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        let list = match memory.len() {
            SMALL => &mut spare.small,
            LARGE => &mut spare.large,
            _ => return,
        };
        if list.len() < KEPT {
            list.push(memory);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_filled_when_it_grows_and_compacts() {
        let mut buffer = Buffer::default();
        assert_eq!(buffer.room(SMALL).len(), SMALL);
        let mut expected = Vec::new();
        let mut next = 0u8;
        for round in 0..200usize {
            let count = buffer.room(SMALL).len().min(1 + round * 7);
            for byte in buffer.room(SMALL).iter_mut().take(count) {
                *byte = next;
                expected.push(next);
                next = next.wrapping_add(1);
            }
            buffer.filled(count);
            assert_eq!(buffer.data(), expected.as_slice());
            // At first nothing is eaten and it must grow, then it must compact.
            let eaten = if round < 100 {
                0
            } else {
                buffer.len().min(round * 10)
            };
            buffer.consume(eaten);
            expected.drain(..eaten);
        }
        assert!(buffer.memory.len() > SMALL);
    }

    #[test]
    fn a_full_buffer_grows_in_front_of_a_read() {
        let mut buffer = Buffer::default();
        assert!(!buffer.is_full_below(LARGE));
        buffer.room(SMALL).fill(7);
        buffer.filled(SMALL - 1);
        assert!(!buffer.is_full_below(LARGE));
        buffer.filled(1);
        assert!(buffer.is_full_below(LARGE));
        buffer.consume(100);
        buffer.grow(LARGE);
        assert_eq!(buffer.data(), vec![7; SMALL - 100]);
        assert_eq!(buffer.room(LARGE).len(), LARGE - (SMALL - 100));
        assert!(!buffer.is_full_below(LARGE));
    }

    #[test]
    fn an_empty_buffer_holds_no_memory_after_release() {
        let mut buffer = Buffer::default();
        buffer.room(SMALL);
        buffer.filled(10);
        buffer.release();
        assert_eq!(buffer.len(), 10);
        buffer.consume(10);
        buffer.release();
        assert_eq!(buffer.memory.capacity(), 0);
    }
}
