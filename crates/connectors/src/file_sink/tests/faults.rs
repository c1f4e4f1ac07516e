//! Lets the steps of a [`super::super::disk::Disk`] fail.

use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex, mpsc};

/// How a step fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process dies before the step: it and all later ones do nothing.
    Crash,
    /// The same, with half of what was to be written on disk.
    CrashInWrite,
    /// The disk is full: half is written, and an error comes back. Later there is room again.
    DiskFull,
}

#[derive(Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    steps: usize,
    fails_at: Option<(usize, Fault)>,
    has_crashed: bool,
    gate: Option<(mpsc::SyncSender<()>, mpsc::Receiver<()>)>,
}

impl Faults {
    /// The next write says that it has come and waits until the sender is dropped.
    pub(crate) fn close_gate(&self) -> (mpsc::SyncSender<()>, mpsc::Receiver<()>) {
        let (gate, waiting) = mpsc::sync_channel(0);
        let (comes, reached) = mpsc::sync_channel(1);
        self.0.lock().unwrap().gate = Some((comes, waiting));
        (gate, reached)
    }

    /// Step number `step` fails.
    pub(crate) fn at(step: usize, fault: Fault) -> Self {
        let faults = Faults::default();
        faults.0.lock().unwrap().fails_at = Some((step, fault));
        faults
    }

    pub(crate) fn step(&self, what: &'static str) -> Result<()> {
        let gate = if what == "write" { self.0.lock().unwrap().gate.take() } else { None };
        if let Some((comes, gate)) = gate {
            comes.send(()).unwrap();
            // It ends with an error when the other end is dropped.
            let _ = gate.recv();
        }
        let mut state = self.0.lock().unwrap();
        if state.has_crashed {
            return Err(Error::other("the process is dead"));
        }
        let number = state.steps;
        state.steps += 1;
        match state.fails_at {
            Some((at, Fault::DiskFull)) if at == number => Err(Error::new(ErrorKind::StorageFull, what)),
            Some((at, _)) if at == number => {
                state.has_crashed = true;
                Err(Error::other(what))
            }
            _ => Ok(()),
        }
    }

    /// Whether the next step is a write that is to be done by half.
    pub(crate) fn tears_next_write(&self) -> bool {
        let state = self.0.lock().unwrap();
        let tears = |fault| fault != Fault::Crash;
        !state.has_crashed && state.fails_at.is_some_and(|(at, fault)| at == state.steps && tears(fault))
    }
}
