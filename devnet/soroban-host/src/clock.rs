//! Real time plus the offset in a file (text, whole nanoseconds), which moves the chain and Paydate together.
//! `at` and a time instead: the clock stands still there.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

pub const NS: u64 = 1_000_000_000;

pub struct Clock {
    path: PathBuf,
    seen: RefCell<(Option<SystemTime>, Reading)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Offset(u64),
    At(u64),
}

impl Clock {
    pub fn new(path: PathBuf) -> Self {
        Clock { path, seen: RefCell::new((None, Reading::Offset(0))) }
    }

    pub fn now_ns(&self) -> u64 {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_nanos() as u64);
        match self.read() {
            Reading::Offset(offset) => real + offset,
            Reading::At(time) => time,
        }
    }

    /// The file is read again only when it changed; without one nothing was advanced.
    fn read(&self) -> Reading {
        let Ok(changed) = fs::metadata(&self.path).and_then(|facts| facts.modified()) else { return Reading::Offset(0) };
        let mut seen = self.seen.borrow_mut();
        if seen.0 != Some(changed) {
            *seen = (Some(changed), reading(&fs::read_to_string(&self.path).unwrap_or_default()));
        }
        seen.1
    }
}

fn reading(text: &str) -> Reading {
    let number = |text: &str| text.trim().parse().unwrap_or(0);
    match text.trim().strip_prefix("at ") {
        Some(time) => Reading::At(number(time)),
        None => Reading::Offset(number(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_added_and_a_time_is_kept() {
        assert_eq!(reading("5\n"), Reading::Offset(5));
        assert_eq!(reading("at 7"), Reading::At(7));
        assert_eq!(reading(""), Reading::Offset(0));
    }
}
