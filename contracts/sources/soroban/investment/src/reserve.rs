//! Whether the reserve covers what falls due.

use crate::books::reconciled;
use crate::errors::Error;
use crate::events::Deficit;
use crate::guards::by_owner;
use crate::terms::DAY;
use crate::types::ReserveStatus;
use crate::{schedule, storage};
use crate::{InvestmentContract, InvestmentContractArgs, InvestmentContractClient};
use soroban_sdk::{contractimpl, Env};

const HORIZON: u64 = 7 * DAY;
const LONGEST_HORIZON: u64 = 3_660 * DAY;

#[contractimpl]
impl InvestmentContract {
    /// What the reserve lacks for all that falls due within seven days; by the owner.
    pub fn check_reserve_balance(env: Env) -> Result<i128, Error> {
        Self::check_reserve_balance_within(env, HORIZON)
    }

    pub fn check_reserve_balance_within(env: Env, seconds: u64) -> Result<i128, Error> {
        by_owner(&env)?;
        storage::stay_alive(&env);
        let found = reserve_status(&env, seconds)?;
        if found.missing > 0 {
            let ReserveStatus { missing, needed, reserve, through_ts, .. } = found;
            Deficit { missing, needed, reserve, through_ts }.publish(&env);
        }
        Ok(found.missing)
    }

    /// The same with its parts, by anybody.
    pub fn get_reserve_status(env: Env, seconds: u64) -> Result<ReserveStatus, Error> {
        reserve_status(&env, seconds)
    }
}

/// Tokens that the books know and the contract lacks are missing in the reserve first.
fn reserve_status(env: &Env, seconds: u64) -> Result<ReserveStatus, Error> {
    if seconds > LONGEST_HORIZON {
        return Err(Error::HorizonTooLong);
    }
    let now = env.ledger().timestamp();
    let through_ts = now + seconds;
    let known = storage::obligations(env);
    let needed = schedule::needed(env, &known, through_ts);
    let lost = reconciled(env).difference.min(0);
    let reserve = (storage::books(env).reserve + lost).max(0);
    Ok(ReserveStatus {
        arrears: schedule::needed(env, &known, now),
        missing: (needed - reserve).max(0),
        needed,
        reserve,
        through_ts,
    })
}
