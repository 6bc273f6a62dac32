//! Real time plus the offset in a file (text, whole nanoseconds), which moves the chain and Paydate together.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

pub const NS: u64 = 1_000_000_000;

pub struct Clock {
    path: PathBuf,
    seen: RefCell<(Option<SystemTime>, u64)>,
}

impl Clock {
    pub fn new(path: PathBuf) -> Self {
        Clock { path, seen: RefCell::new((None, 0)) }
    }

    pub fn now_ns(&self) -> u64 {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_nanos() as u64);
        real + self.offset_ns()
    }

    /// The file is read again only when it changed; without one nothing was advanced.
    fn offset_ns(&self) -> u64 {
        let Ok(changed) = fs::metadata(&self.path).and_then(|facts| facts.modified()) else { return 0 };
        let mut seen = self.seen.borrow_mut();
        if seen.0 != Some(changed) {
            let text = fs::read_to_string(&self.path).unwrap_or_default();
            *seen = (Some(changed), text.trim().parse().unwrap_or(0));
        }
        seen.1
    }
}
