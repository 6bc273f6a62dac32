//! An investment contract: investors lend money to a project and are paid back in instalments from a reserve, and
//! anybody can see whether that reserve covers what falls due.
//!
//! Functions and events are named as in the contracts deployed in the field. What differs from them is in README.md.
#![no_std]

mod errors;
mod events;
mod payments;
mod schedule;
mod storage;
mod terms;
mod types;

#[cfg(test)]
mod tests;

pub use errors::Error;
pub use types::*;

use events::*;
use payments::Till;
use soroban_sdk::{
    contract, contractimpl, token::TokenClient, Address, BytesN, Env, String, Symbol, Vec,
};
use terms::DAY;

pub const VERSION: u32 = 2;
/// Of one call of `process_investor_payments`; the limits behind it are in README.md.
pub const MOST_PAYMENTS: u32 = 30;
const MOST_MONTHS: u32 = 120;
const MOST_BLOCK_DAYS: u64 = 3_660;
const HORIZON: u64 = 7 * DAY;
const LONGEST_HORIZON: u64 = 3_660 * DAY;

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

    // -- the reserve

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

    pub fn get_books(env: Env) -> Books {
        reconciled(&env)
    }

    pub fn get_contract_balance(env: Env) -> ContractBalances {
        storage::books(&env)
    }

    pub fn get_contract_data(env: Env) -> ContractData {
        storage::data(&env)
    }

    pub fn add_company_transfer(env: Env, amount: i128) -> Result<bool, Error> {
        let owner = by_owner(&env)?;
        storage::stay_alive(&env);
        check_amount(amount)?;
        let token = money(&env);
        if token.balance(&owner) < amount {
            return Err(Error::AddressInsufficientBalance);
        }
        token.transfer(&owner, &env.current_contract_address(), &amount);
        book(&env, |books| {
            books.reserve += amount;
            books.reserve_contributions += amount;
        });
        Ok(true)
    }

    pub fn move_funds_to_the_reserve(env: Env, amount: i128) -> Result<bool, Error> {
        by_owner(&env)?;
        storage::stay_alive(&env);
        check_amount(amount)?;
        if storage::books(&env).project < amount {
            return Err(Error::ProjectBalanceInsufficientAmount);
        }
        book(&env, |books| {
            books.project -= amount;
            books.reserve += amount;
            books.moved_from_project_to_reserve += amount;
        });
        Ok(true)
    }

    /// Tokens that came without a call go to the reserve; how many they were.
    pub fn book_surplus(env: Env) -> Result<i128, Error> {
        by_owner(&env)?;
        storage::stay_alive(&env);
        let surplus = reconciled(&env).difference;
        if surplus <= 0 {
            return Err(Error::NoSurplus);
        }
        book(&env, |books| {
            books.reserve += surplus;
            books.reserve_contributions += surplus;
        });
        Ok(surplus)
    }

    // -- investors

    pub fn invest(env: Env, addr: Address, amount: i128) -> Result<Investment, Error> {
        addr.require_auth();
        while_open(&env)?;
        storage::stay_alive(&env);
        let mut till = Till::open(&env);
        let parts = accepted(&env, &till, &addr, amount)?;
        money(&env).transfer(&addr, &env.current_contract_address(), &amount);
        let investment = terms::opened(&till.data, &parts, env.ledger().timestamp());
        schedule::enter(&env, &mut till.obligations, &investment, till.data.return_months);
        till.data.next_token_id += 1;
        till.books.reserve += parts.reserve;
        till.books.project += parts.project;
        till.books.comission += parts.commission;
        till.books.received_so_far += investment.deposited;
        storage::set_investment(&env, &investment);
        hand_over(&env, investment.token_id, None, &addr);
        Mint { to: addr.clone(), token_id: investment.token_id }.publish(&env);
        Invested {
            investor: addr,
            amount,
            claimable_ts: investment.claimable_ts,
            commission: investment.commission,
            deposited: investment.deposited,
            regular_payment: investment.regular_payment,
            token_id: investment.token_id,
        }
        .publish(&env);
        till.close(&env);
        note_goal(&env, &mut till);
        storage::set_data(&env, &till.data);
        Ok(investment)
    }

    /// The next instalment that is due; by the owner.
    pub fn process_investor_payment(env: Env, token_id: u32) -> Result<Investment, Error> {
        by_owner(&env)?;
        paid(&env, token_id, 1)
    }

    /// One instalment to each; the ids rise. A refusal of one stops nobody else: its result says why.
    pub fn process_investor_payments(
        env: Env,
        token_ids: Vec<u32>,
    ) -> Result<Vec<PaymentResult>, Error> {
        by_owner(&env)?;
        while_open(&env)?;
        storage::stay_alive(&env);
        if token_ids.is_empty() || token_ids.len() > MOST_PAYMENTS || !is_rising(&token_ids) {
            return Err(Error::InvalidPaymentData);
        }
        let mut till = Till::open(&env);
        let mut results = Vec::new(&env);
        for token_id in token_ids.iter() {
            results.push_back(till.pay_or_refuse(&env, token_id));
        }
        till.close(&env);
        Ok(results)
    }

    /// All instalments that are due, at once; by the investor.
    pub fn claim(env: Env, token_id: u32) -> Result<Investment, Error> {
        storage::investor(&env, token_id)?.require_auth();
        paid(&env, token_id, MOST_MONTHS)
    }

    pub fn get_investment(env: Env, token_id: u32) -> Result<Investment, Error> {
        storage::investment(&env, token_id)
    }

    // -- what leaves for the project and the platform

    pub fn single_withdrawn(env: Env, amount: i128) -> Result<bool, Error> {
        by_owner(&env)?;
        let to = storage::data(&env).project_address;
        check_withdrawal(&env, amount, storage::books(&env).project)?;
        money(&env).transfer(&env.current_contract_address(), &to, &amount);
        Withdrawn { to, amount, book: Symbol::new(&env, "project") }.publish(&env);
        book(&env, |books| {
            books.project -= amount;
            books.project_withdrawals += amount;
        });
        Ok(true)
    }

    /// The commission that is left afterwards.
    pub fn withdraw_commission(env: Env, to: Address, amount: i128) -> Result<i128, Error> {
        by_owner(&env)?;
        check_withdrawal(&env, amount, storage::books(&env).comission)?;
        money(&env).transfer(&env.current_contract_address(), &to, &amount);
        Withdrawn { to, amount, book: Symbol::new(&env, "comission") }.publish(&env);
        book(&env, |books| books.comission -= amount);
        Ok(storage::books(&env).comission)
    }

    // -- control

    /// The caller is ignored, as in the deployed family: it is the owner's word that counts.
    pub fn pause(env: Env, caller: Address) -> Result<(), Error> {
        let _ = caller;
        by_owner(&env)?;
        while_open(&env)?;
        storage::stay_alive(&env);
        storage::set_paused(&env, &true);
        Paused {}.publish(&env);
        Ok(())
    }

    pub fn unpause(env: Env, caller: Address) -> Result<(), Error> {
        let _ = caller;
        by_owner(&env)?;
        while_paused(&env)?;
        storage::stay_alive(&env);
        storage::set_paused(&env, &false);
        Unpaused {}.publish(&env);
        Ok(())
    }

    pub fn paused(env: Env) -> bool {
        storage::is_paused(&env)
    }

    /// Offers it until a ledger; 0 withdraws the offer. Nothing changes before the other accepts.
    pub fn transfer_ownership(
        env: Env,
        new_owner: Address,
        live_until_ledger: u32,
    ) -> Result<(), Error> {
        let old_owner = by_owner(&env)?;
        storage::stay_alive(&env);
        if live_until_ledger == 0 {
            storage::pending_owner(&env).ok_or(Error::NoPendingTransfer)?;
            storage::set_pending_owner(&env, None);
        } else {
            let ledger = env.ledger();
            if live_until_ledger < ledger.sequence() || live_until_ledger > ledger.max_live_until_ledger() {
                return Err(Error::InvalidLiveUntilLedger);
            }
            let address = new_owner.clone();
            storage::set_pending_owner(&env, Some(&PendingOwner { address, live_until_ledger }));
        }
        OwnershipTransfer { live_until_ledger, new_owner, old_owner }.publish(&env);
        Ok(())
    }

    /// By the one to whom it was offered.
    pub fn accept_ownership(env: Env) -> Result<(), Error> {
        let pending = storage::pending_owner(&env).ok_or(Error::NoPendingTransfer)?;
        if pending.live_until_ledger < env.ledger().sequence() {
            return Err(Error::NoPendingTransfer);
        }
        pending.address.require_auth();
        storage::stay_alive(&env);
        storage::set_owner(&env, &pending.address);
        storage::set_pending_owner(&env, None);
        OwnershipTransferCompleted { new_owner: pending.address }.publish(&env);
        Ok(())
    }

    pub fn get_owner(env: Env) -> Option<Address> {
        storage::owner(&env)
    }

    /// Only while paused, so that no payment runs on code that nobody has looked at yet.
    pub fn upgrade(env: Env, new_wasm_hash: BytesN<32>) -> Result<(), Error> {
        by_owner(&env)?;
        while_paused(&env)?;
        storage::stay_alive(&env);
        env.deployer().update_current_contract_wasm(new_wasm_hash.clone());
        Upgraded { new_wasm_hash }.publish(&env);
        Ok(())
    }

    pub fn version(env: Env) -> u32 {
        storage::version(&env)
    }

    // -- investments as tokens

    pub fn owner_of(env: Env, token_id: u32) -> Result<Address, Error> {
        storage::investor(&env, token_id)
    }

    pub fn balance(env: Env, owner: Address) -> u32 {
        storage::count_of(&env, &owner)
    }

    /// What is still to be paid goes to the new holder from now on.
    pub fn transfer(env: Env, from: Address, to: Address, token_id: u32) -> Result<(), Error> {
        from.require_auth();
        while_open(&env)?;
        storage::stay_alive(&env);
        if storage::investor(&env, token_id)? != from {
            return Err(Error::IncorrectOwner);
        }
        hand_over(&env, token_id, Some(&from), &to);
        Transfer { from, to, token_id }.publish(&env);
        Ok(())
    }

    pub fn name(env: Env) -> String {
        storage::metadata(&env).name
    }

    pub fn symbol(env: Env) -> String {
        storage::metadata(&env).symbol
    }

    pub fn token_uri(env: Env, token_id: u32) -> Result<String, Error> {
        storage::investor(&env, token_id)?;
        Ok(storage::metadata(&env).uri)
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
    if params.return_months > MOST_MONTHS {
        return Err(Error::TooManyReturnMonths);
    }
    if params.claim_block_days > MOST_BLOCK_DAYS {
        return Err(Error::ClaimBlockTooLong);
    }
    Ok(())
}

fn check_amount(amount: i128) -> Result<(), Error> {
    if amount <= 0 {
        return Err(Error::AmountMustBePositive);
    }
    Ok(())
}

fn check_withdrawal(env: &Env, amount: i128, available: i128) -> Result<(), Error> {
    while_open(env)?;
    storage::stay_alive(env);
    check_amount(amount)?;
    if available < amount {
        return Err(Error::ProjectBalanceInsufficientAmount);
    }
    Ok(())
}

fn by_owner(env: &Env) -> Result<Address, Error> {
    let owner = storage::owner(env).ok_or(Error::OwnerNotSet)?;
    owner.require_auth();
    Ok(owner)
}

fn while_open(env: &Env) -> Result<(), Error> {
    if storage::is_paused(env) {
        return Err(Error::EnforcedPause);
    }
    Ok(())
}

fn while_paused(env: &Env) -> Result<(), Error> {
    if !storage::is_paused(env) {
        return Err(Error::ExpectedPause);
    }
    Ok(())
}

fn money(env: &Env) -> TokenClient<'_> {
    TokenClient::new(env, &storage::data(env).token)
}

fn book(env: &Env, change: impl FnOnce(&mut ContractBalances)) {
    let mut books = storage::books(env);
    change(&mut books);
    storage::set_books(env, &books);
    tell_books(env, &books);
}

fn reconciled(env: &Env) -> Books {
    let books = storage::books(env);
    let booked = books.reserve + books.project + books.comission;
    let balance = money(env).balance(&env.current_contract_address());
    Books { balance, booked, difference: balance - booked }
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

fn accepted(env: &Env, till: &Till, addr: &Address, amount: i128) -> Result<terms::Split, Error> {
    if amount <= 0 {
        return Err(Error::AmountToInvestMustBeGreaterThanZero);
    }
    if till.data.state == FUNDS_REACHED {
        return Err(Error::GoalAlreadyReached);
    }
    if amount < till.data.min_per_investment {
        return Err(Error::AmountLessThanMinimum);
    }
    let token = money(env);
    if token.balance(addr) < amount {
        return Err(Error::AddressInsufficientBalance);
    }
    let parts = terms::split(amount, till.data.interest_rate, token.decimals());
    if till.books.received_so_far + parts.deposited() > till.data.goal {
        return Err(Error::WouldExceedGoal);
    }
    Ok(parts)
}

/// The goal is reached as soon as what is left of it is less than the smallest investment brings.
fn note_goal(env: &Env, till: &mut Till) {
    let least = terms::split(
        till.data.min_per_investment,
        till.data.interest_rate,
        money(env).decimals(),
    );
    if till.data.goal - till.books.received_so_far < least.deposited() {
        till.data.state = FUNDS_REACHED;
        StateUpdated { new_state: FUNDS_REACHED }.publish(env);
    }
}

fn hand_over(env: &Env, token_id: u32, from: Option<&Address>, to: &Address) {
    if let Some(from) = from {
        storage::set_count(env, from, storage::count_of(env, from) - 1);
    }
    storage::set_count(env, to, storage::count_of(env, to) + 1);
    storage::set_investor(env, token_id, to);
}

fn paid(env: &Env, token_id: u32, most: u32) -> Result<Investment, Error> {
    while_open(env)?;
    storage::stay_alive(env);
    let mut till = Till::open(env);
    let (investment, _) = till.pay(env, token_id, most)?;
    till.close(env);
    Ok(investment)
}

fn is_rising(ids: &Vec<u32>) -> bool {
    (1..ids.len()).all(|place| ids.get_unchecked(place - 1) < ids.get_unchecked(place))
}
