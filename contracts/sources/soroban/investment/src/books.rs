//! The books of what the contract has, and the money that changes them but comes from no investor and goes to none.

use crate::errors::Error;
use crate::events::{tell_books, Withdrawn};
use crate::guards::{by_owner, check_amount, money, while_open};
use crate::storage;
use crate::types::{Books, ContractBalances};
use crate::{InvestmentContract, InvestmentContractArgs, InvestmentContractClient};
use soroban_sdk::{contractimpl, Address, Env, Symbol};

#[contractimpl]
impl InvestmentContract {
    pub fn get_books(env: Env) -> Books {
        reconciled(&env)
    }

    pub fn get_contract_balance(env: Env) -> ContractBalances {
        storage::books(&env)
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

fn book(env: &Env, change: impl FnOnce(&mut ContractBalances)) {
    let mut books = storage::books(env);
    change(&mut books);
    storage::set_books(env, &books);
    tell_books(env, &books);
}

pub fn reconciled(env: &Env) -> Books {
    let books = storage::books(env);
    let booked = books.reserve + books.project + books.comission;
    let balance = money(env).balance(&env.current_contract_address());
    Books { balance, booked, difference: balance - booked }
}
