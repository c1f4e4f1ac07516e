//! Memory of rows that have been dealt with, kept for the next ones.
//!
//! A batch's rows lie in one large piece of memory, which one operator of a chain asks for and the next gives back.
//! An allocator does more for pieces of that size than all records of a batch cost, so each thread keeps a few. Which
//! ones there are changes nothing but the time it takes.

use flott_core::Data;
use std::any::Any;
use std::cell::RefCell;

/// Pieces that a thread keeps.
const KEPT_MAX: usize = 8;
/// A larger piece is not kept.
const KEPT_BYTES_MAX: usize = 512 << 10;

thread_local! {
    static KEPT: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// No rows, with room for `capacity`.
#[must_use]
pub fn take<T: Data>(capacity: usize) -> Vec<T> {
    let kept = KEPT.with_borrow_mut(|kept| {
        let rooms = kept.iter().map(|rows| rows.downcast_ref::<Vec<T>>().map(Vec::capacity)).enumerate();
        // The smallest that is large enough, or else the largest.
        let (found, _) =
            rooms.filter_map(|(n, room)| Some((n, room?))).min_by_key(|(_, room)| match *room >= capacity {
                true => (false, *room),
                false => (true, usize::MAX - room),
            })?;
        kept.swap_remove(found).downcast::<Vec<T>>().ok()
    });
    let mut rows = kept.map(|rows| *rows).unwrap_or_default();
    rows.reserve(capacity);
    rows
}

/// Drops the rows and keeps their memory for [`take`].
pub fn give<T: Data>(mut rows: Vec<T>) {
    rows.clear();
    if rows.capacity() == 0 || rows.capacity() * size_of::<T>() > KEPT_BYTES_MAX {
        return;
    }
    KEPT.with_borrow_mut(|kept| {
        if kept.len() == KEPT_MAX {
            kept.remove(0);
        }
        kept.push(Box::new(rows));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_empty_and_to_rows_of_its_type_only() {
        let rows = vec!["a".to_owned(); 100];
        let place = rows.as_ptr();
        give(rows);
        assert!(take::<u64>(3).capacity() >= 3);
        let again = take::<String>(7);
        assert!(again.is_empty() && again.as_ptr() == place && again.capacity() >= 100);
        let other = take::<String>(7);
        assert!(other.as_ptr() != place);
    }

    #[test]
    fn the_smallest_that_is_large_enough_is_taken() {
        [10, 100, 50].into_iter().for_each(|capacity| give(Vec::<u8>::with_capacity(capacity)));
        assert_eq!([20, 20, 20].map(|capacity| take::<u8>(capacity).capacity() / 10), [5, 10, 2]);
    }

    #[test]
    fn no_more_than_a_few_pieces_are_kept() {
        (0..3 * KEPT_MAX).for_each(|_| give(vec![1u16]));
        give(vec![0u8; KEPT_BYTES_MAX + 1]);
        assert_eq!(KEPT.with_borrow(Vec::len), KEPT_MAX);
    }
}
