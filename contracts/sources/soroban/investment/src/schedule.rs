//! What falls due, as sums by day: a check reads the days up to its horizon and one sum of arrears, however many
//! investments there are.

use crate::storage;
use crate::terms::{due_ts, units_of, DAY};
use crate::types::{Investment, Obligations};
use soroban_sdk::{Env, Map};

/// So many days share an entry.
const PAGE_DAYS: u32 = 32;

pub fn day_of(ts: u64) -> u32 {
    (ts / DAY) as u32
}

/// What is due through today becomes arrears. Entries whose days have all passed go.
pub fn roll(env: &Env, known: &mut Obligations) {
    let today = day_of(env.ledger().timestamp());
    if known.through_day >= today {
        return;
    }
    for page in (known.through_day + 1) / PAGE_DAYS..=today / PAGE_DAYS {
        if let Some(sums) = storage::due_page(env, page) {
            known.arrears += within(&sums, known.through_day, today);
            if today >= page * PAGE_DAYS + PAGE_DAYS - 1 {
                storage::remove_due_page(env, page);
            }
        }
    }
    known.through_day = today;
}

/// All that is due and not paid at `until`.
pub fn needed(env: &Env, known: &Obligations, until: u64) -> i128 {
    let last = day_of(until);
    let mut needed = known.arrears;
    if last > known.through_day {
        for page in (known.through_day + 1) / PAGE_DAYS..=last / PAGE_DAYS {
            if let Some(sums) = storage::due_page(env, page) {
                needed += within(&sums, known.through_day, last);
            }
        }
    }
    needed
}

/// Enters every instalment of a new investment on its day. The obligations must be those of today.
pub fn enter(env: &Env, known: &mut Obligations, investment: &Investment, months: u32) {
    let mut open: Option<(u32, Map<u32, i128>)> = None;
    for number in 1..=months {
        let (day, units) = (day_of(due_ts(investment, number)), units_of(investment, months, number));
        if day <= known.through_day {
            known.arrears += units;
            continue;
        }
        let page = day / PAGE_DAYS;
        let mut sums = match open.take() {
            Some((number, sums)) if number == page => sums,
            other => {
                keep(env, other);
                storage::due_page(env, page).unwrap_or(Map::new(env))
            }
        };
        sums.set(day, sums.get(day).unwrap_or(0) + units);
        open = Some((page, sums));
    }
    keep(env, open);
}

fn keep(env: &Env, open: Option<(u32, Map<u32, i128>)>) {
    if let Some((page, sums)) = open {
        storage::set_due_page(env, page, &sums);
    }
}

fn within(sums: &Map<u32, i128>, after: u32, last: u32) -> i128 {
    sums.iter().filter(|(day, _)| *day > after && *day <= last).map(|(_, units)| units).sum()
}
