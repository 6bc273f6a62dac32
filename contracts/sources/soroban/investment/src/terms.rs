//! The sums of an investment: how its money is split, what an instalment is, and when it is due.

use crate::types::{ContractData, Investment, BLOCKED, CASH_FLOWING, CLAIMABLE, COUPON, FINISHED};

pub const DAY: u64 = 86_400;
pub const PERIOD: u64 = 30 * DAY;
const BASIS_POINTS: i128 = 10_000;
const RESERVE_PERCENT: i128 = 5;
const FIRST_TOKENS: i128 = 100;
const STEP_TOKENS: i128 = 400;
const LEAST_DIVISOR: i128 = 10;
const MOST_DIVISOR: i128 = 60;

pub struct Split {
    pub commission: i128,
    pub reserve: i128,
    pub project: i128,
}

impl Split {
    pub fn deposited(&self) -> i128 {
        self.project + self.reserve
    }
}

/// The project gets what commission and reserve leave, so nothing stays unbooked.
pub fn split(amount: i128, rate: u32, decimals: u32) -> Split {
    let commission = amount * rate as i128 / (divisor(amount, decimals) * BASIS_POINTS);
    let reserve = amount * RESERVE_PERCENT / 100;
    Split { commission, reserve, project: amount - commission - reserve }
}

/// It grows with the amount up to its bound, and never falls.
fn divisor(amount: i128, decimals: u32) -> i128 {
    let tokens = amount / 10i128.pow(decimals);
    if tokens <= FIRST_TOKENS {
        return LEAST_DIVISOR;
    }
    MOST_DIVISOR.min(LEAST_DIVISOR + (tokens - FIRST_TOKENS) / STEP_TOKENS)
}

/// A due date is a date: midnight (UTC) of the day on which the block period ends.
pub fn opened(data: &ContractData, parts: &Split, now: u64) -> Investment {
    let deposited = parts.deposited();
    let interest = deposited * data.interest_rate as i128 / BASIS_POINTS;
    let spread = if data.return_type == COUPON { interest } else { deposited + interest };
    Investment {
        accumulated_interests: interest,
        claimable_ts: now / DAY * DAY + data.claim_block_days * DAY,
        commission: parts.commission,
        deposited,
        last_transfer_ts: 0,
        paid: 0,
        payments_transferred: 0,
        regular_payment: spread / data.return_months as i128,
        status: if data.claim_block_days > 0 { BLOCKED } else { CLAIMABLE },
        token_id: data.next_token_id,
        total: deposited + interest,
    }
}

/// When an instalment is due; they count from 1.
pub fn due_ts(investment: &Investment, number: u32) -> u64 {
    investment.claimable_ts + (number - 1) as u64 * PERIOD
}

/// How many instalments are due and not paid.
pub fn due_count(investment: &Investment, months: u32, now: u64) -> u32 {
    let next = due_ts(investment, investment.payments_transferred + 1);
    if investment.payments_transferred >= months || now < next {
        return 0;
    }
    let due = (now - next) / PERIOD + 1;
    due.min((months - investment.payments_transferred) as u64) as u32
}

/// What the next `count` instalments pay together. The last one pays all that is left, the principal included.
pub fn units_of_next(investment: &Investment, months: u32, count: u32) -> i128 {
    if investment.payments_transferred + count >= months {
        return investment.total - investment.paid;
    }
    investment.regular_payment * count as i128
}

/// What instalment `number` of a new investment pays.
pub fn units_of(investment: &Investment, months: u32, number: u32) -> i128 {
    if number < months {
        return investment.regular_payment;
    }
    investment.total - investment.regular_payment * (months - 1) as i128
}

pub fn note_payment(investment: &mut Investment, months: u32, count: u32, units: i128) {
    investment.payments_transferred += count;
    investment.paid += units;
    investment.last_transfer_ts = due_ts(investment, investment.payments_transferred);
    investment.status = if investment.payments_transferred >= months { FINISHED } else { CASH_FLOWING };
}
