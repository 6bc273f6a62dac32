//! Investments as tokens: whose they are, and how they pass to somebody else.

use crate::errors::Error;
use crate::events::Transfer;
use crate::guards::while_open;
use crate::storage;
use crate::{InvestmentContract, InvestmentContractArgs, InvestmentContractClient};
use soroban_sdk::{contractimpl, Address, Env, String};

#[contractimpl]
impl InvestmentContract {
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

pub fn hand_over(env: &Env, token_id: u32, from: Option<&Address>, to: &Address) {
    if let Some(from) = from {
        storage::set_count(env, from, storage::count_of(env, from) - 1);
    }
    storage::set_count(env, to, storage::count_of(env, to) + 1);
    storage::set_investor(env, token_id, to);
}
