//! A token for local networks: balances, transfers and their events as SEP-41 has them, and an administrator.
#![no_std]

use soroban_sdk::{
    contract, contracterror, contractimpl, contracttype, panic_with_error, Address, Env, String, Symbol,
};

const DAY: u32 = 17_280;
const INSTANCE_LIFE: (u32, u32) = (15 * DAY, 30 * DAY);
const ENTRY_LIFE: (u32, u32) = (90 * DAY, 180 * DAY);

#[contracterror]
#[derive(Clone, Copy)]
#[repr(u32)]
pub enum TokenError {
    NegativeAmount = 8,
    BalanceIsNotSufficient = 10,
    AccountIsFrozen = 11,
}

#[contracttype]
pub struct Metadata {
    pub decimal: u32,
    pub name: String,
    pub symbol: String,
}

#[contracttype]
enum InstanceKey {
    Admin,
    Metadata,
}

#[contracttype]
enum DataKey {
    Balance(Address),
    Frozen(Address),
}

#[contract]
pub struct Token;

#[contractimpl]
impl Token {
    pub fn __constructor(env: Env, admin: Address, decimal: u32, name: String, symbol: String) {
        let instance = env.storage().instance();
        instance.set(&InstanceKey::Admin, &admin);
        instance.set(&InstanceKey::Metadata, &Metadata { decimal, name, symbol });
        stay_alive(&env);
    }

    pub fn balance(env: Env, id: Address) -> i128 {
        balance_of(&env, &id)
    }

    pub fn decimals(env: Env) -> u32 {
        metadata(&env).decimal
    }

    pub fn name(env: Env) -> String {
        metadata(&env).name
    }

    pub fn symbol(env: Env) -> String {
        metadata(&env).symbol
    }

    pub fn transfer(env: Env, from: Address, to: Address, amount: i128) {
        from.require_auth();
        stay_alive(&env);
        refuse_negative(&env, amount);
        for one in [&from, &to] {
            if env.storage().persistent().get(&DataKey::Frozen(one.clone())).unwrap_or(false) {
                panic_with_error!(&env, TokenError::AccountIsFrozen);
            }
        }
        if balance_of(&env, &from) < amount {
            panic_with_error!(&env, TokenError::BalanceIsNotSufficient);
        }
        add(&env, &from, -amount);
        add(&env, &to, amount);
        #[allow(deprecated)]
        env.events().publish((Symbol::new(&env, "transfer"), from, to), amount);
    }

    /// By the administrator.
    pub fn mint(env: Env, to: Address, amount: i128) {
        by_admin(&env);
        refuse_negative(&env, amount);
        add(&env, &to, amount);
        #[allow(deprecated)]
        env.events().publish((Symbol::new(&env, "mint"), to), amount);
    }

    /// By the administrator: nothing comes in or goes out any more.
    pub fn set_frozen(env: Env, id: Address, frozen: bool) {
        by_admin(&env);
        let key = DataKey::Frozen(id);
        env.storage().persistent().set(&key, &frozen);
        env.storage().persistent().extend_ttl(&key, ENTRY_LIFE.0, ENTRY_LIFE.1);
    }
}

fn by_admin(env: &Env) {
    let admin: Address = env.storage().instance().get(&InstanceKey::Admin).unwrap();
    admin.require_auth();
    stay_alive(env);
}

fn stay_alive(env: &Env) {
    env.storage().instance().extend_ttl(INSTANCE_LIFE.0, INSTANCE_LIFE.1);
}

fn metadata(env: &Env) -> Metadata {
    env.storage().instance().get(&InstanceKey::Metadata).unwrap()
}

fn balance_of(env: &Env, id: &Address) -> i128 {
    env.storage().persistent().get(&DataKey::Balance(id.clone())).unwrap_or(0)
}

fn add(env: &Env, id: &Address, units: i128) {
    let key = DataKey::Balance(id.clone());
    env.storage().persistent().set(&key, &(balance_of(env, id) + units));
    env.storage().persistent().extend_ttl(&key, ENTRY_LIFE.0, ENTRY_LIFE.1);
}

fn refuse_negative(env: &Env, amount: i128) {
    if amount < 0 {
        panic_with_error!(env, TokenError::NegativeAmount);
    }
}
