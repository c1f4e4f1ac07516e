//! Where in its input an operator is, so that an error or a panic in user code names the record.
//!
//! An operator owns a [`Position`], asks it for a [`Guard`] per batch and moves the guard on with each record, which
//! is an increment and nothing else. On an error the operator adds the place to it ([`Guard::check`]). On a panic the
//! guard, while the stack unwinds, leaves the place in this thread's slot, where whoever catches the panic finds it
//! with [`take`].

use flott_core::{Error, Result};
use std::cell::Cell;
use std::fmt;

/// What an operator was working on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The n-th record that the operator was given in this subtask since it started, counted from 1.
    Record(u64),
    /// A timer, with its time in milliseconds.
    Timer(i64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Record(n) => write!(f, "record {n} of its input"),
            Place::Timer(time) => write!(f, "timer at {time}"),
        }
    }
}

thread_local! {
    static PANICKED_AT: Cell<Option<Place>> = const { Cell::new(None) };
}

/// What this thread was working on when it last panicked. The answer is given once.
pub fn take() -> Option<Place> {
    PANICKED_AT.take()
}

/// Leaves a place for [`take`], unless an inner operator has left its own.
#[cold]
fn leave(place: Place) {
    PANICKED_AT.with(|slot| {
        if slot.get().is_none() {
            slot.set(Some(place));
        }
    });
}

#[cold]
fn failed(error: Error, place: Place) -> Error {
    error.in_context(place.to_string())
}

/// How many records an operator has been given in all.
#[derive(Clone, Debug, Default)]
pub struct Position {
    seen: u64,
}

impl Position {
    /// Starts on a batch of `rows` records.
    #[inline]
    pub fn batch(&mut self, rows: usize) -> Guard {
        let before = self.seen;
        self.seen += rows as u64;
        Guard { before, at: before }
    }
}

/// Where an operator is in one batch. Before the first [`Guard::next`] it is before the first record.
pub struct Guard {
    /// Records of the batches before.
    before: u64,
    at: u64,
}

impl Guard {
    /// Moves on to the next record.
    #[inline(always)]
    pub fn next(&mut self) {
        self.at += 1;
    }

    /// Moves to the `n`-th record of the batch, counted from 0.
    #[inline(always)]
    pub fn move_to(&mut self, n: usize) {
        self.at = self.before + n as u64 + 1;
    }

    /// Adds the current record to the error of a result.
    ///
    /// # Errors
    /// The result's own.
    #[inline(always)]
    pub fn check<T>(&self, result: Result<T>) -> Result<T> {
        match result {
            Ok(value) => Ok(value),
            Err(error) => Err(failed(error, self.place())),
        }
    }

    /// The current record.
    pub fn place(&self) -> Place {
        Place::Record(self.at)
    }
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        if std::thread::panicking() {
            leave(Place::Record(self.at));
        }
    }
}

/// Says that a timer is being worked on, as [`Guard`] does for records.
pub struct TimerGuard {
    /// The timer's time in milliseconds.
    pub time: i64,
}

impl TimerGuard {
    /// Adds the timer to the error of a result.
    ///
    /// # Errors
    /// The result's own.
    #[inline(always)]
    pub fn check<T>(&self, result: Result<T>) -> Result<T> {
        match result {
            Ok(value) => Ok(value),
            Err(error) => Err(failed(error, Place::Timer(self.time))),
        }
    }
}

impl Drop for TimerGuard {
    #[inline]
    fn drop(&mut self) {
        if std::thread::panicking() {
            leave(Place::Timer(self.time));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_its_record() {
        let mut position = Position::default();
        drop(position.batch(10));
        let mut guard = position.batch(3);
        guard.next();
        guard.next();
        let error = guard.check::<()>(Err(Error::data("no"))).unwrap_err();
        assert_eq!(error.to_string(), "no (in record 12 of its input)");
    }

    #[test]
    fn a_panic_leaves_its_record_once() {
        let mut position = Position::default();
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut guard = position.batch(5);
            guard.next();
            guard.next();
            // An operator further down the chain knows better.
            let _inner = TimerGuard { time: 7 };
            panic!("user code");
        }));
        assert!(caught.is_err());
        assert_eq!(take(), Some(Place::Timer(7)));
        assert_eq!(take(), None);
    }

    #[test]
    fn without_a_panic_nothing_is_left() {
        drop(Position::default().batch(5));
        assert_eq!(take(), None);
    }
}
