//! Where everything lies. The instance has what every call needs; investments, their owners and due days are entries.

use crate::errors::Error;
use crate::types::{ContractBalances, ContractData, Investment, Metadata, Obligations, PendingOwner};
use soroban_sdk::{contracttype, Address, Env, Map};

const DAY_LEDGERS: u32 = 17_280;
const INSTANCE_LIFE: (u32, u32) = (15 * DAY_LEDGERS, 30 * DAY_LEDGERS);
const ENTRY_LIFE: (u32, u32) = (90 * DAY_LEDGERS, 180 * DAY_LEDGERS);

#[contracttype]
pub enum InstanceKey {
    ContractData,
    ContractBalances,
    Metadata,
    Obligations,
    Owner,
    Paused,
    PendingOwner,
    Version,
}

#[contracttype]
pub enum DataKey {
    Balance(Address),
    DuePage(u32),
    Investment(u32),
    Owner(u32),
}

macro_rules! of_instance {
    ($read:ident, $write:ident, $key:ident, $kind:ty) => {
        pub fn $read(env: &Env) -> $kind {
            env.storage().instance().get(&InstanceKey::$key).unwrap()
        }

        pub fn $write(env: &Env, value: &$kind) {
            env.storage().instance().set(&InstanceKey::$key, value);
        }
    };
}

of_instance!(data, set_data, ContractData, ContractData);
of_instance!(books, set_books, ContractBalances, ContractBalances);
of_instance!(metadata, set_metadata, Metadata, Metadata);
of_instance!(obligations, set_obligations, Obligations, Obligations);
of_instance!(is_paused, set_paused, Paused, bool);
of_instance!(version, set_version, Version, u32);

/// As long as anybody but a reader comes, the contract lives.
pub fn stay_alive(env: &Env) {
    env.storage().instance().extend_ttl(INSTANCE_LIFE.0, INSTANCE_LIFE.1);
}

pub fn owner(env: &Env) -> Option<Address> {
    env.storage().instance().get(&InstanceKey::Owner)
}

pub fn set_owner(env: &Env, owner: &Address) {
    env.storage().instance().set(&InstanceKey::Owner, owner);
}

pub fn pending_owner(env: &Env) -> Option<PendingOwner> {
    env.storage().instance().get(&InstanceKey::PendingOwner)
}

pub fn set_pending_owner(env: &Env, pending: Option<&PendingOwner>) {
    match pending {
        Some(pending) => env.storage().instance().set(&InstanceKey::PendingOwner, pending),
        None => env.storage().instance().remove(&InstanceKey::PendingOwner),
    }
}

pub fn investment(env: &Env, token_id: u32) -> Result<Investment, Error> {
    let found = env.storage().persistent().get(&DataKey::Investment(token_id));
    found.ok_or(Error::NonExistentToken)
}

pub fn set_investment(env: &Env, investment: &Investment) {
    put(env, &DataKey::Investment(investment.token_id), investment);
}

pub fn investor(env: &Env, token_id: u32) -> Result<Address, Error> {
    let found = env.storage().persistent().get(&DataKey::Owner(token_id));
    found.ok_or(Error::NonExistentToken)
}

pub fn set_investor(env: &Env, token_id: u32, investor: &Address) {
    put(env, &DataKey::Owner(token_id), investor);
}

/// How many investments an address holds.
pub fn count_of(env: &Env, address: &Address) -> u32 {
    env.storage().persistent().get(&DataKey::Balance(address.clone())).unwrap_or(0)
}

pub fn set_count(env: &Env, address: &Address, count: u32) {
    put(env, &DataKey::Balance(address.clone()), &count);
}

/// Sums by day.
pub fn due_page(env: &Env, page: u32) -> Option<Map<u32, i128>> {
    env.storage().persistent().get(&DataKey::DuePage(page))
}

pub fn set_due_page(env: &Env, page: u32, sums: &Map<u32, i128>) {
    put(env, &DataKey::DuePage(page), sums);
}

pub fn remove_due_page(env: &Env, page: u32) {
    env.storage().persistent().remove(&DataKey::DuePage(page));
}

fn put<V: soroban_sdk::IntoVal<Env, soroban_sdk::Val>>(env: &Env, key: &DataKey, value: &V) {
    env.storage().persistent().set(key, value);
    env.storage().persistent().extend_ttl(key, ENTRY_LIFE.0, ENTRY_LIFE.1);
}
