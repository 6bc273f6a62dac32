//! Who may, when, and with what: what functions ask before they do anything.

use crate::errors::Error;
use crate::storage;
use soroban_sdk::{token::TokenClient, Address, Env};

pub fn by_owner(env: &Env) -> Result<Address, Error> {
    let owner = storage::owner(env).ok_or(Error::OwnerNotSet)?;
    owner.require_auth();
    Ok(owner)
}

pub fn while_open(env: &Env) -> Result<(), Error> {
    if storage::is_paused(env) {
        return Err(Error::EnforcedPause);
    }
    Ok(())
}

pub fn while_paused(env: &Env) -> Result<(), Error> {
    if !storage::is_paused(env) {
        return Err(Error::ExpectedPause);
    }
    Ok(())
}

pub fn check_amount(amount: i128) -> Result<(), Error> {
    if amount <= 0 {
        return Err(Error::AmountMustBePositive);
    }
    Ok(())
}

pub fn money(env: &Env) -> TokenClient<'_> {
    TokenClient::new(env, &storage::data(env).token)
}
