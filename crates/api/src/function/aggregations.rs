//! Functions that make one value of two: a user's own, and sums, minima and maxima of a field.

use flott_core::{Data, Result};
use std::ops::AddAssign;

/// Makes one value of two: the one so far and the next. Closures `|so_far, next| ...` are such functions.
pub trait ReduceFunction<T>: Clone + Send + Sync + 'static {
    /// Adds `next` to what there is so far.
    ///
    /// # Errors
    /// Fails the task.
    fn reduce(&mut self, so_far: T, next: T) -> Result<T>;
}

impl<T, F: FnMut(T, T) -> T + Clone + Send + Sync + 'static> ReduceFunction<T> for F {
    #[inline]
    fn reduce(&mut self, so_far: T, next: T) -> Result<T> {
        Ok(self(so_far, next))
    }
}

/// Flink's aggregations of one field. Made by [`sum`], [`min`], [`max`], [`min_by`] and [`max_by`].
#[derive(Clone)]
pub struct Aggregation<F>(F);

impl<T, F: FnMut(&mut T, T) + Clone + Send + Sync + 'static> ReduceFunction<T> for Aggregation<F> {
    #[inline]
    fn reduce(&mut self, mut so_far: T, next: T) -> Result<T> {
        (self.0)(&mut so_far, next);
        Ok(so_far)
    }
}

/// The first record, its field replaced by the sum of the field over all records: `sum(|r| &mut r.amount)`.
pub fn sum<T, N>(
    field: impl Fn(&mut T) -> &mut N + Clone + Send + Sync + 'static,
) -> Aggregation<impl FnMut(&mut T, T) + Clone + Send + Sync + 'static>
where
    T: Data,
    N: AddAssign + Clone + 'static,
{
    Aggregation(move |so_far: &mut T, mut next: T| *field(so_far) += field(&mut next).clone())
}

/// The first record, its field replaced by the smallest one seen. The rest of the record stays that of the first.
pub fn min<T, N>(
    field: impl Fn(&mut T) -> &mut N + Clone + Send + Sync + 'static,
) -> Aggregation<impl FnMut(&mut T, T) + Clone + Send + Sync + 'static>
where
    T: Data,
    N: PartialOrd + Clone + 'static,
{
    replace(field, |next, so_far| next < so_far)
}

/// The first record, its field replaced by the largest one seen. The rest of the record stays that of the first.
pub fn max<T, N>(
    field: impl Fn(&mut T) -> &mut N + Clone + Send + Sync + 'static,
) -> Aggregation<impl FnMut(&mut T, T) + Clone + Send + Sync + 'static>
where
    T: Data,
    N: PartialOrd + Clone + 'static,
{
    replace(field, |next, so_far| next > so_far)
}

/// The whole record whose field is the smallest; the earliest of several.
pub fn min_by<T, N>(
    field: impl Fn(&T) -> N + Clone + Send + Sync + 'static,
) -> Aggregation<impl FnMut(&mut T, T) + Clone + Send + Sync + 'static>
where
    T: Data,
    N: PartialOrd + 'static,
{
    Aggregation(move |so_far: &mut T, next: T| {
        if field(&next) < field(so_far) {
            *so_far = next;
        }
    })
}

/// The whole record whose field is the largest; the earliest of several.
pub fn max_by<T, N>(
    field: impl Fn(&T) -> N + Clone + Send + Sync + 'static,
) -> Aggregation<impl FnMut(&mut T, T) + Clone + Send + Sync + 'static>
where
    T: Data,
    N: PartialOrd + 'static,
{
    Aggregation(move |so_far: &mut T, next: T| {
        if field(&next) > field(so_far) {
            *so_far = next;
        }
    })
}

fn replace<T: Data, N: Clone + 'static>(
    field: impl Fn(&mut T) -> &mut N + Clone + Send + Sync + 'static,
    better: fn(&N, &N) -> bool,
) -> Aggregation<impl FnMut(&mut T, T) + Clone + Send + Sync + 'static> {
    Aggregation(move |so_far: &mut T, mut next: T| {
        let next = field(&mut next);
        let place = field(so_far);
        if better(next, place) {
            place.clone_from(next);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Reading = (&'static str, i32);

    fn fold<T: Clone>(mut function: impl ReduceFunction<T>, values: &[T]) -> T {
        let mut values = values.iter().cloned();
        let first = values.next().unwrap();
        values.fold(first, |so_far, next| function.reduce(so_far, next).unwrap())
    }

    fn readings() -> [(String, i32); 4] {
        [("a", 3), ("b", 1), ("c", 7), ("d", 1)].map(|(name, n): Reading| (name.to_owned(), n))
    }

    #[test]
    fn min_and_max_keep_the_first_record_and_replace_the_field() {
        assert_eq!(fold(min(|r: &mut (String, i32)| &mut r.1), &readings()), ("a".to_owned(), 1));
        assert_eq!(fold(max(|r: &mut (String, i32)| &mut r.1), &readings()), ("a".to_owned(), 7));
    }

    #[test]
    fn min_by_and_max_by_return_the_whole_record_and_the_earliest_of_equals() {
        assert_eq!(fold(min_by(|r: &(String, i32)| r.1), &readings()), ("b".to_owned(), 1));
        assert_eq!(fold(max_by(|r: &(String, i32)| r.1), &readings()), ("c".to_owned(), 7));
    }

    #[test]
    fn sum_adds_up_the_field() {
        assert_eq!(fold(sum(|r: &mut (String, i32)| &mut r.1), &readings()), ("a".to_owned(), 12));
        assert_eq!(fold(|a: u64, b: u64| a + b, &[1, 2, 3]), 6);
    }
}
