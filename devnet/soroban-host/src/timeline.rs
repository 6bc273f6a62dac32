//! Ledger numbers and close times. Idle ledgers are counted, not stored.

use crate::clock::{Clock, NS};

pub const LEDGER_SECONDS: u64 = 5;
pub const RETENTION: u32 = 120_960;
pub const FIRST_LEDGER: u32 = 1_000;

/// A ledger whose close is known: when it was due (ns), and its close time (s).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    pub sequence: u32,
    pub due_ns: u64,
    pub closed: u64,
}

pub struct Timeline {
    clock: Clock,
    anchors: Vec<Anchor>,
}

impl Timeline {
    /// Begins with a first ledger if there is none.
    pub fn new(clock: Clock, mut anchors: Vec<Anchor>) -> Self {
        if anchors.is_empty() {
            let now = clock.now_ns();
            anchors.push(Anchor { sequence: FIRST_LEDGER, due_ns: now, closed: now / NS });
        }
        Timeline { clock, anchors }
    }

    pub fn latest(&self) -> Anchor {
        *self.anchors.last().expect("there is always one")
    }

    pub fn oldest(&self) -> u32 {
        let kept = (self.latest().sequence + 1).saturating_sub(RETENTION);
        self.anchors[0].sequence.max(kept)
    }

    pub fn now(&self) -> u64 {
        self.clock.now_ns() / NS
    }

    /// How many ledgers should have closed since the latest.
    pub fn due(&self) -> u64 {
        self.clock.now_ns().saturating_sub(self.latest().due_ns) / (LEDGER_SECONDS * NS)
    }

    pub fn after(&self, count: u64) -> Anchor {
        let latest = self.latest();
        self.anchor(latest.sequence + count as u32, latest.due_ns + count * LEDGER_SECONDS * NS)
    }

    /// A ledger that closes now, before it is due.
    pub fn at_once(&self) -> Anchor {
        let latest = self.latest();
        self.anchor(latest.sequence + 1, latest.due_ns.max(self.clock.now_ns()))
    }

    pub fn note(&mut self, anchor: Anchor) {
        self.anchors.push(anchor);
    }

    /// Of a ledger that was only counted, from the next known one.
    pub fn closed(&self, sequence: u32) -> u64 {
        let place = self.anchors.partition_point(|anchor| anchor.sequence < sequence);
        let after = self.anchors[place.min(self.anchors.len() - 1)];
        let back = after.sequence.saturating_sub(sequence) as u64 * LEDGER_SECONDS;
        let guess = after.closed.saturating_sub(back);
        if place > 0 {
            guess.max(self.anchors[place - 1].closed)
        } else {
            guess
        }
    }

    /// Ledgers that are closed at once may share a second, which those of the public network never do: a clock that ran
    /// ahead with each of them would make transactions late that are in time.
    fn anchor(&self, sequence: u32, due_ns: u64) -> Anchor {
        Anchor { sequence, due_ns, closed: self.latest().closed.max(due_ns / NS) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline() -> Timeline {
        let clock = Clock::new("/nowhere".into());
        let first = Anchor { sequence: 1_000, due_ns: 100 * NS, closed: 100 };
        Timeline::new(clock, vec![first, Anchor { sequence: 1_010, due_ns: 150 * NS, closed: 150 }])
    }

    #[test]
    fn counted_ledgers_close_between_those_that_are_known() {
        let line = timeline();
        assert_eq!((line.closed(1_000), line.closed(1_010), line.closed(1_004)), (100, 150, 120));
    }

    #[test]
    fn time_never_goes_back() {
        let line = timeline();
        assert_eq!((line.anchor(1_011, 140 * NS).closed, line.anchor(1_011, 156 * NS).closed), (150, 156));
    }

    #[test]
    fn what_is_older_than_the_retention_is_not_kept() {
        let mut line = timeline();
        line.note(Anchor { sequence: 1_010 + RETENTION, due_ns: 0, closed: 1_000_000 });
        assert_eq!(line.oldest(), 1_011);
    }
}
