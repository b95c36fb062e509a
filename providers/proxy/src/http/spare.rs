//! Memory of header lists, kept by a thread from one request to the next.
//!
//! A worker that takes many requests in one turn allocates for all of them before it frees the first: more
//! than the allocator's own list of each size holds. What is kept here is bounded in number and in size.

use super::headers::Field;
use std::cell::RefCell;

/// Header lists that a thread keeps.
const KEPT: usize = 128;
/// Bytes of the longest one kept.
const LONGEST: usize = 2 * 1024;
/// Fields of the longest one kept.
const FIELDS: usize = 64;

/// What a header list is made of, without content.
pub(super) type Parts = (Vec<u8>, Vec<Field>);

thread_local! {
    static SPARE: RefCell<Vec<Parts>> = const { RefCell::new(Vec::new()) };
}

/// Empty parts, with memory if the thread has some to spare.
pub(super) fn take() -> Parts {
    SPARE
        .try_with(|spare| spare.borrow_mut().pop())
        .ok()
        .flatten()
        .unwrap_or_default()
}

/// Keeps the parts of a list that is no longer needed, unless there are enough or they are too large.
pub(super) fn give((mut bytes, mut fields): Parts) {
    if bytes.capacity() > LONGEST || fields.capacity() > FIELDS {
        return;
    }
    // While a thread ends its list may be gone already: the memory is then simply freed.
    let _ = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        if spare.len() < KEPT {
            bytes.clear();
            fields.clear();
            spare.push((bytes, fields));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Headers;

    #[test]
    fn a_dropped_list_is_taken_again_and_empty() {
        let mut list = Headers::with_capacity(4, 100);
        list.append_raw(b"secret", b"of another request").expect("valid");
        drop(list);
        let again = Headers::with_capacity(1, 1);
        assert_eq!(again.len(), 0);
        assert_eq!(again.get("secret"), None);
        let (bytes, fields) = take();
        assert_eq!((bytes.capacity(), fields.capacity()), (0, 0));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        give((Vec::with_capacity(LONGEST + 1), Vec::new()));
        assert_eq!(take().0.capacity(), 0);
        for _ in 0..2 * KEPT {
            give((Vec::with_capacity(16), Vec::new()));
        }
        let kept = (0..2 * KEPT).filter(|_| take().0.capacity() > 0).count();
        assert_eq!(kept, KEPT);
    }
}
