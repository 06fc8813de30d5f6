//! For the stores' own tests: faults at any step of a write, and two writers that take turns.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use super::Entropy;

/// A clock that stands where it was put, and numbers that never come twice.
pub struct TestEntropy {
    pub now: i64,
    pub next: Cell<u64>,
}

impl TestEntropy {
    /// `seed` keeps two writers' numbers apart.
    pub fn new(now: i64, seed: u64) -> Self {
        TestEntropy {
            now,
            next: Cell::new(seed << 32),
        }
    }
}

impl Entropy for TestEntropy {
    fn unix_seconds(&self) -> i64 {
        self.now
    }

    fn random(&self) -> u64 {
        self.next.set(self.next.get() + 1);
        self.next.get()
    }

    fn wait(&self, _: Duration) {}
}

/// A clock and chance, whose waits are steps.
pub struct TestClock {
    pub inner: TestEntropy,
    pub turns: Option<(&'static Turns, usize)>,
    pub waited: Rc<RefCell<Vec<Duration>>>,
}

impl Entropy for TestClock {
    fn unix_seconds(&self) -> i64 {
        self.inner.unix_seconds()
    }

    fn random(&self) -> u64 {
        self.inner.random()
    }

    fn wait(&self, time: Duration) {
        self.waited.borrow_mut().push(time);
        if let Some((turns, seat)) = self.turns {
            turns.take(seat, Step::Wait);
        }
    }
}

/// What happens at the faulty step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The step fails and does nothing.
    Fails,
    /// The step fails, but is done.
    FailsDone,
    /// The writer is killed before the step.
    Killed,
    /// The writer is killed right after the step.
    KilledDone,
}

pub const FAULTS: [Fault; 4] = [
    Fault::Fails,
    Fault::FailsDone,
    Fault::Killed,
    Fault::KilledDone,
];

/// Counts steps and puts a fault at one of them.
pub struct Faults {
    at: Option<(usize, Fault)>,
    taken: Cell<usize>,
    dead: Cell<bool>,
}

impl Faults {
    pub fn none() -> Self {
        Faults {
            at: None,
            taken: Cell::new(0),
            dead: Cell::new(false),
        }
    }

    pub fn at(step: usize, fault: Fault) -> Self {
        Faults {
            at: Some((step, fault)),
            ..Faults::none()
        }
    }

    /// Whether the faulty step was reached.
    pub fn struck(&self) -> bool {
        self.at.is_some_and(|(at, _)| self.taken.get() > at)
    }

    /// Takes a step.
    pub fn step<T, E>(
        &self,
        error: impl Fn() -> E,
        action: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        if self.dead.get() {
            return Err(error());
        }
        let step = self.taken.get();
        self.taken.set(step + 1);
        match self.at {
            Some((at, fault)) if at == step => {
                self.dead
                    .set(matches!(fault, Fault::Killed | Fault::KilledDone));
                if matches!(fault, Fault::FailsDone | Fault::KilledDone) {
                    let _ = action();
                }
                Err(error())
            }
            _ => action(),
        }
    }
}

/// Runs `write` with every fault at every step, then `check` on what it left. Both get the step and
/// the fault; `write` says whether the fault was reached.
pub fn at_every_step(mut run: impl FnMut(usize, Fault) -> bool) {
    for fault in FAULTS {
        let mut step = 0;
        while run(step, fault) {
            step += 1;
            assert!(step < 500, "the sequence has no end");
        }
        assert!(step > 2, "a sequence of {step} steps proves nothing");
    }
}

/// The kinds of steps that matter to the order of two writers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Looks, and will decide by what it saw.
    Read,
    /// Writes what it decided.
    Write,
    /// Waits longer than any write takes: until no other writer that decided before our last write
    /// has still to carry it out.
    Wait,
}

#[derive(Debug, Default)]
struct Seat {
    wants: Option<Step>,
    done: bool,
    /// When it last looked without having written since.
    undecided_since: Option<usize>,
    last_write: usize,
}

#[derive(Debug, Default)]
struct Table {
    seats: [Seat; 2],
    granted: Option<usize>,
    clock: usize,
    last: usize,
    /// What is to be chosen, from the start.
    script: Vec<usize>,
    /// What was chosen, and whether there was another choice.
    trace: Vec<(usize, bool)>,
}

impl Table {
    fn can_go(&self, seat: usize) -> bool {
        let (me, other) = (&self.seats[seat], &self.seats[1 - seat]);
        match me.wants {
            None => false,
            Some(Step::Wait) => other
                .undecided_since
                .is_none_or(|since| other.done || since >= me.last_write),
            Some(_) => true,
        }
    }

    fn choose(&mut self) {
        let parked = self
            .seats
            .iter()
            .all(|seat| seat.done || seat.wants.is_some());
        if !parked || self.granted.is_some() {
            return;
        }
        let can: Vec<usize> = (0..2).filter(|seat| self.can_go(*seat)).collect();
        let Some(&only) = can.first() else {
            return;
        };
        let scripted = self.script.get(self.trace.len()).copied();
        let default = if can.contains(&self.last) {
            self.last
        } else {
            only
        };
        let chosen = scripted
            .filter(|seat| can.contains(seat))
            .unwrap_or(default);
        self.trace.push((chosen, can.len() > 1));
        self.last = chosen;
        self.granted = Some(chosen);
        self.clock += 1;
        let clock = self.clock;
        let seat = &mut self.seats[chosen];
        match seat.wants.take() {
            Some(Step::Read) => {
                seat.undecided_since.get_or_insert(clock);
            }
            Some(Step::Write) => {
                seat.undecided_since = None;
                seat.last_write = clock;
            }
            Some(Step::Wait) | None => seat.undecided_since = None,
        }
    }
}

/// Two writers that take turns in a scripted order.
#[derive(Debug, Default)]
pub struct Turns {
    table: Mutex<Table>,
    moved: Condvar,
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Waits for its turn to take a step.
    pub fn take(&self, seat: usize, step: Step) {
        let mut table = self.lock();
        if table.granted == Some(seat) {
            table.granted = None;
        }
        table.seats[seat].wants = Some(step);
        loop {
            table.choose();
            self.moved.notify_all();
            if table.granted == Some(seat) {
                return;
            }
            table = self
                .moved
                .wait(table)
                .unwrap_or_else(|poisoned| poisoned.into_inner());
        }
    }

    fn leave(&self, seat: usize) {
        let mut table = self.lock();
        if table.granted == Some(seat) {
            table.granted = None;
        }
        let own = &mut table.seats[seat];
        (own.done, own.wants, own.undecided_since) = (true, None, None);
        table.choose();
        self.moved.notify_all();
    }
}

struct Leave<'a>(&'a Turns, usize);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.leave(self.1);
    }
}

/// Runs two writers in every order that changes hands at most `switches` times where it need not.
/// `run` is called for each order with the turns; it starts both by [`both`]. Gives how many orders
/// there were.
pub fn in_every_order(switches: usize, mut run: impl FnMut(&Turns)) -> usize {
    let mut orders = 0;
    let mut script = Vec::new();
    loop {
        let turns = Turns::default();
        turns.lock().script.clone_from(&script);
        run(&turns);
        orders += 1;
        let trace = std::mem::take(&mut turns.lock().trace);
        let Some(next) = next_script(&trace, switches) else {
            return orders;
        };
        script = next;
    }
}

/// The next order: the last choice that can still be turned is turned. A choice is turned once, from
/// going on with the same writer to the other.
fn next_script(trace: &[(usize, bool)], switches: usize) -> Option<Vec<usize>> {
    let switched = |at: usize| {
        let (seat, free) = trace[at];
        let before = if at == 0 { 0 } else { trace[at - 1].0 };
        free && seat != before
    };
    for at in (0..trace.len()).rev() {
        let used = (0..at).filter(|earlier| switched(*earlier)).count();
        if trace[at].1 && !switched(at) && used < switches {
            let mut script: Vec<usize> = trace[..at].iter().map(|(seat, _)| *seat).collect();
            script.push(1 - trace[at].0);
            return Some(script);
        }
    }
    None
}

/// Runs the two writers of one order, each in a thread, and gives their results.
pub fn both<T: Send>(
    turns: &Turns,
    first: impl FnOnce() -> T + Send,
    second: impl FnOnce() -> T + Send,
) -> (T, T) {
    std::thread::scope(|scope| {
        let first = scope.spawn(move || {
            let _leave = Leave(turns, 0);
            first()
        });
        let second = scope.spawn(move || {
            let _leave = Leave(turns, 1);
            second()
        });
        (first.join().unwrap(), second.join().unwrap())
    })
}

#[test]
fn every_order_of_two_short_writers_is_run_once() {
    use std::collections::BTreeSet;
    let mut seen = BTreeSet::new();
    let orders = in_every_order(usize::MAX, |turns| {
        let log = Mutex::new(String::new());
        let write = |seat: usize, name: char| {
            let log = &log;
            move || {
                for _ in 0..3 {
                    turns.take(seat, Step::Write);
                    log.lock().unwrap().push(name);
                }
            }
        };
        both(turns, write(0, 'a'), write(1, 'b'));
        seen.insert(log.into_inner().unwrap());
    });
    // 6 steps, 3 of them one writer's.
    assert_eq!((orders, seen.len()), (20, 20));
}
