//! An investment contract: investors lend money to a project and are paid back in instalments from a reserve, and
//! anybody can see whether that reserve covers what falls due.
//!
//! Functions and events are named as in the contracts deployed in the field. What differs from them is in README.md.
#![no_std]

mod books;
mod control;
mod errors;
mod events;
mod guards;
mod holders;
mod investors;
mod payments;
mod reserve;
mod schedule;
mod storage;
mod terms;
mod types;

pub use errors::Error;
pub use types::*;

use soroban_sdk::{contract, contractimpl, Address, Env, String};

pub const VERSION: u32 = 2;
/// Of one call of `process_investor_payments`; the limits behind it are in README.md.
pub const MOST_PAYMENTS: u32 = 24;
/// Basis points. The commission is a tenth of the rate at most: this leaves a twentieth for the project.
const MOST_RATE: u32 = 90_000;
const MOST_MONTHS: u32 = 120;
const MOST_BLOCK_DAYS: u64 = 3_660;

#[contract]
pub struct InvestmentContract;

#[contractimpl]
impl InvestmentContract {
    pub fn __constructor(
        env: Env,
        owner_addr: Address,
        project_address: Address,
        token_addr: Address,
        uri: String,
        name: String,
        symbol: String,
        investment_params: InvestmentContractParams,
    ) -> Result<(), Error> {
        check_params(&investment_params)?;
        storage::set_owner(&env, &owner_addr);
        storage::set_metadata(&env, &Metadata { name, symbol, uri });
        storage::set_version(&env, &VERSION);
        storage::set_paused(&env, &false);
        storage::set_books(&env, &ContractBalances::default());
        let through_day = schedule::day_of(env.ledger().timestamp());
        storage::set_obligations(&env, &Obligations { arrears: 0, through_day });
        storage::set_data(
            &env,
            &ContractData {
                claim_block_days: investment_params.claim_block_days,
                goal: investment_params.goal,
                interest_rate: investment_params.i_rate,
                min_per_investment: investment_params.min_per_investment,
                next_token_id: 1,
                project_address,
                return_months: investment_params.return_months,
                return_type: investment_params.return_type,
                state: ACTIVE,
                token: token_addr,
            },
        );
        storage::stay_alive(&env);
        Ok(())
    }

    pub fn get_contract_data(env: Env) -> ContractData {
        storage::data(&env)
    }
}

fn check_params(params: &InvestmentContractParams) -> Result<(), Error> {
    if params.i_rate == 0 {
        return Err(Error::InterestRateMustBeGreaterThanZero);
    }
    if params.goal <= 0 {
        return Err(Error::GoalMustBeGreaterThanZero);
    }
    if params.return_type != REVERSE_LOAN && params.return_type != COUPON {
        return Err(Error::UnsupportedReturnType);
    }
    if params.return_months == 0 {
        return Err(Error::ReturnMonthsMustBeGreaterThanZero);
    }
    if params.min_per_investment <= 0 {
        return Err(Error::MinPerInvestmentMustBeGreaterThanZero);
    }
    if params.i_rate > MOST_RATE {
        return Err(Error::InterestRateTooHigh);
    }
    if params.return_months > MOST_MONTHS {
        return Err(Error::TooManyReturnMonths);
    }
    if params.claim_block_days > MOST_BLOCK_DAYS {
        return Err(Error::ClaimBlockTooLong);
    }
    Ok(())
}
