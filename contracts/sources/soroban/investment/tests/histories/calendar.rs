//! The independent calendar: every instalment is a line of a plain list, and nothing is summed before it is asked for.

use crate::common::*;
use paydate_investment::*;
use soroban_sdk::Address;

struct Line {
    token_id: u32,
    due_ts: u64,
    units: i128,
    is_paid: bool,
}

#[derive(Default)]
pub struct Calendar {
    lines: std::vec::Vec<Line>,
    pub reserve: i128,
    /// Booked tokens that are not there; negative for tokens that are there and not booked.
    pub lost: i128,
    pub is_paused: bool,
    pub frozen: std::vec::Vec<Address>,
}

impl Calendar {
    pub fn add(&mut self, now: u64, params: &InvestmentContractParams, made: &Investment) {
        let first = now - now % DAY + params.claim_block_days * DAY;
        let months = params.return_months as i128;
        let interest = made.deposited * params.i_rate as i128 / 10_000;
        let part = match params.return_type {
            COUPON => interest / months,
            _ => (made.deposited + interest) / months,
        };
        for number in 0..params.return_months {
            let is_last = number + 1 == params.return_months;
            self.lines.push(Line {
                token_id: made.token_id,
                due_ts: first + number as u64 * PERIOD,
                units: if is_last { made.deposited + interest - part * (months - 1) } else { part },
                is_paid: false,
            });
        }
    }

    pub fn due(&self, until: u64) -> i128 {
        let open = self.lines.iter().filter(|line| !line.is_paid && line.due_ts <= until);
        open.map(|line| line.units).sum()
    }

    pub fn next_due(&self, now: u64) -> Option<u64> {
        self.lines.iter().map(|line| line.due_ts).filter(|due_ts| *due_ts > now).min()
    }

    pub fn missing(&self, until: u64) -> i128 {
        (self.due(until) - (self.reserve - self.lost.max(0)).max(0)).max(0)
    }

    /// What paying one investment would do now: the lines' places and their sum, or the code of the refusal.
    pub fn payable(
        &self,
        token_id: u32,
        holder: &Address,
        now: u64,
        most: usize,
    ) -> Result<(std::vec::Vec<usize>, i128), u32> {
        let mine: std::vec::Vec<usize> =
            (0..self.lines.len()).filter(|place| self.lines[*place].token_id == token_id).collect();
        let first = mine.first().ok_or(200u32)?;
        if now < self.lines[*first].due_ts {
            return Err(15);
        }
        if mine.iter().all(|place| self.lines[*place].is_paid) {
            return Err(16);
        }
        let due: std::vec::Vec<usize> = mine
            .into_iter()
            .filter(|place| !self.lines[*place].is_paid && self.lines[*place].due_ts <= now)
            .take(most)
            .collect();
        if due.is_empty() {
            return Err(17);
        }
        let units: i128 = due.iter().map(|place| self.lines[*place].units).sum();
        if units > self.reserve {
            return Err(2);
        }
        if self.frozen.contains(holder) {
            return Err(28);
        }
        Ok((due, units))
    }

    pub fn note(&mut self, due: &[usize], units: i128) {
        for place in due {
            assert!(!self.lines[*place].is_paid);
            self.lines[*place].is_paid = true;
        }
        self.reserve -= units;
    }
}
