//! What can be said of two globs without a text.
//!
//! `*` stands for any characters, none included, `?` for exactly one
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html>).

/// A piece of a glob.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    Char(char),
    One,
    Many,
}

/// What stands for other characters.
const WILD: [char; 2] = ['*', '?'];

/// What a text begins and ends with that a glob matches. Both are all of a glob that matches itself alone; then the last is
/// true.
fn ends(glob: &str) -> (&str, &str, bool) {
    match (glob.find(WILD), glob.rfind(WILD)) {
        (Some(first), Some(last)) => {
            let (head, tail) = (glob.get(..first), glob.get(last + 1..));
            (head.unwrap_or_default(), tail.unwrap_or_default(), false)
        }
        _ => (glob, glob, true),
    }
}

/// The pieces of a glob; none for one with a backslash, whose meaning is documented for query strings alone.
fn pieces(glob: &str) -> Option<Vec<Piece>> {
    let piece = |found| match found {
        '\\' => None,
        '*' => Some(Piece::Many),
        '?' => Some(Piece::One),
        other => Some(Piece::Char(other)),
    };
    glob.chars().map(piece).collect()
}

/// Whether some text may match both. Never wrong when it says no.
pub(super) fn meet(one: &str, other: &str) -> bool {
    if one.contains('\\') || other.contains('\\') {
        return true;
    }
    let ((head, tail, literal), (other_head, other_tail, other_literal)) = (ends(one), ends(other));
    if literal && other_literal {
        return one == other;
    }
    // Most are told by their beginnings or ends.
    if !(head.starts_with(other_head) || other_head.starts_with(head))
        || !(tail.ends_with(other_tail) || other_tail.ends_with(tail))
    {
        return false;
    }
    let (Some(one), Some(other)) = (pieces(one), pieces(other)) else {
        return true;
    };
    // reachable[j]: a text may match the pieces of `one` seen so far and the first j of `other`.
    let mut reachable = skip(&other, {
        let mut start = vec![false; other.len() + 1];
        if let Some(first) = start.first_mut() {
            *first = true;
        }
        start
    });
    for piece in &one {
        let mut next = vec![false; other.len() + 1];
        let at = |row: &[bool], j: usize| row.get(j).copied().unwrap_or(false);
        for j in 0..=other.len() {
            let before = j.checked_sub(1).and_then(|before| other.get(before).copied());
            let arrives = match piece {
                // `one` takes nothing, or it takes what the piece of `other` does.
                Piece::Many => {
                    at(&reachable, j) || (j > 0 && at(&next, j - 1)) || (j > 0 && at(&reachable, j - 1))
                }
                Piece::One => match before {
                    Some(Piece::Many) => at(&reachable, j),
                    Some(_) => at(&reachable, j - 1),
                    None => false,
                },
                Piece::Char(wanted) => match before {
                    Some(Piece::Many) => at(&reachable, j),
                    Some(Piece::One) => at(&reachable, j - 1),
                    Some(Piece::Char(found)) => found == *wanted && at(&reachable, j - 1),
                    None => false,
                },
            };
            // `other`'s own `*` may also take nothing.
            let skips = before == Some(Piece::Many) && j > 0 && at(&next, j - 1);
            if let Some(slot) = next.get_mut(j) {
                *slot = arrives || skips;
            }
        }
        reachable = next;
    }
    reachable.last().copied().unwrap_or(false)
}

/// A `*` of the other glob may take nothing before the first piece.
fn skip(other: &[Piece], mut row: Vec<bool>) -> Vec<bool> {
    for (j, piece) in other.iter().enumerate() {
        if *piece == Piece::Many
            && row.get(j) == Some(&true)
            && let Some(slot) = row.get_mut(j + 1)
        {
            *slot = true;
        }
    }
    row
}

/// Whether every text that `narrow` matches is matched by `wide`. Never wrong when it says yes.
pub(super) fn contains(wide: &str, narrow: &str) -> bool {
    if wide == narrow {
        return true;
    }
    let (head, tail, literal) = ends(wide);
    if literal || !narrow.starts_with(head) || !narrow.ends_with(tail) {
        return false;
    }
    let (Some(wide), Some(narrow)) = (pieces(wide), pieces(narrow)) else {
        return false;
    };
    // The pieces of `narrow` are read as characters, of which only `*` matches `*`.
    let mut reachable = vec![false; narrow.len() + 1];
    if let Some(first) = reachable.first_mut() {
        *first = true;
    }
    for piece in &wide {
        let mut next = vec![false; narrow.len() + 1];
        for j in 0..=narrow.len() {
            let at = |row: &[bool], j: usize| row.get(j).copied().unwrap_or(false);
            let before = j.checked_sub(1).and_then(|before| narrow.get(before).copied());
            let arrives = match piece {
                Piece::Many => at(&reachable, j) || (j > 0 && at(&next, j - 1)),
                Piece::One => matches!(before, Some(Piece::One | Piece::Char(_))) && at(&reachable, j - 1),
                Piece::Char(_) => before == Some(*piece) && at(&reachable, j - 1),
            };
            if let Some(slot) = next.get_mut(j) {
                *slot = arrives;
            }
        }
        reachable = next;
    }
    reachable.last().copied().unwrap_or(false)
}
