//! Investing and being paid.

use crate::errors::Error;
use crate::events::{Invested, Mint, StateUpdated};
use crate::guards::{by_owner, money, while_open};
use crate::holders::hand_over;
use crate::payments::Till;
use crate::types::{Investment, PaymentResult, FUNDS_REACHED};
use crate::{schedule, storage, terms, MOST_MONTHS, MOST_PAYMENTS};
use crate::{InvestmentContract, InvestmentContractArgs, InvestmentContractClient};
use soroban_sdk::{contractimpl, Address, Env, Vec};

#[contractimpl]
impl InvestmentContract {
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
    pub fn process_investor_payments(env: Env, token_ids: Vec<u32>) -> Result<Vec<PaymentResult>, Error> {
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
    let least = terms::split(till.data.min_per_investment, till.data.interest_rate, money(env).decimals());
    if till.data.goal - till.books.received_so_far < least.deposited() {
        till.data.state = FUNDS_REACHED;
        StateUpdated { new_state: FUNDS_REACHED }.publish(env);
    }
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
