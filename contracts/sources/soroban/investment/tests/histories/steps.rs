//! What may happen, and on which terms.

use crate::common::*;
use paydate_investment::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
pub enum Step {
    Invest(i128),
    Pay(usize),
    PayMany(std::vec::Vec<usize>),
    Claim(usize),
    TopUp(i128),
    /// Exactly what lacks for what is due.
    Cover,
    Move(i128),
    MoveAll,
    Withdraw(i128),
    PassOn(usize),
    SwitchPause,
    Freeze(usize),
    WithdrawCommission(i128),
    Lose(i128),
    Give(i128),
    BookSurplus,
    Wait(u64),
    /// To a second around the next due date.
    Meet(u64),
}

pub fn terms(return_type: u32) -> impl Strategy<Value = InvestmentContractParams> {
    (
        prop_oneof![Just(0u64), 1..40u64, Just(180)],
        prop_oneof![9 => 1..2_000u32, 1 => 2_000..=90_000u32],
        1..15u32,
        1..5_000i128,
    )
        .prop_map(move |(claim_block_days, i_rate, return_months, least)| InvestmentContractParams {
            claim_block_days,
            goal: 100_000 * WHOLE,
            i_rate,
            min_per_investment: least,
            return_months,
            return_type,
        })
}

pub fn step() -> impl Strategy<Value = Step> {
    let units = || prop_oneof![1..50i128, 1..3_000 * WHOLE];
    prop_oneof![
        4 => units().prop_map(Step::Invest),
        4 => (0..8usize).prop_map(Step::Pay),
        2 => proptest::collection::vec(0..8usize, 1..6).prop_map(Step::PayMany),
        2 => (0..8usize).prop_map(Step::Claim),
        3 => units().prop_map(Step::TopUp),
        2 => Just(Step::Cover),
        1 => units().prop_map(Step::Move),
        1 => Just(Step::MoveAll),
        4 => (0..3u64).prop_map(Step::Meet),
        1 => units().prop_map(Step::Withdraw),
        1 => (0..8usize).prop_map(Step::PassOn),
        1 => Just(Step::SwitchPause),
        1 => (0..8usize).prop_map(Step::Freeze),
        1 => units().prop_map(Step::WithdrawCommission),
        1 => (1..20 * WHOLE).prop_map(Step::Lose),
        1 => (1..20 * WHOLE).prop_map(Step::Give),
        1 => Just(Step::BookSurplus),
        6 => prop_oneof![3 => 1..3 * DAY, 3 => 20 * DAY..45 * DAY, 1 => Just(400 * DAY), 1 => Just(1_100 * DAY)].prop_map(Step::Wait),
    ]
}
