//! Every function, what it refuses, and what it tells.

#[path = "../common/mod.rs"]
mod common;
mod control;
mod events;
mod investing;
mod lifetimes;
mod paying;
mod reserve;

use common::*;
use paydate_investment::InvestmentContractParams;
use soroban_sdk::testutils::Events as _;
use soroban_sdk::xdr::{ContractEventBody, ContractEventV0, ScVal};

pub fn with(change: impl FnOnce(&mut InvestmentContractParams)) -> InvestmentContractParams {
    let mut params = params();
    change(&mut params);
    params
}

/// The contract's events of the last call.
pub fn events(scene: &Scene) -> Vec<ContractEventV0> {
    let found = scene.env.events().all().filter_by_contract(&scene.contract.address);
    let bodies = found.events().iter().map(|event| event.body.clone());
    bodies.map(|ContractEventBody::V0(body)| body).collect()
}

/// Their names.
pub fn told(scene: &Scene) -> Vec<String> {
    events(scene).iter().map(|event| word(&event.topics[0])).collect()
}

pub fn word(value: &ScVal) -> String {
    match value {
        ScVal::Symbol(name) => name.to_utf8_string_lossy(),
        other => panic!("{other:?}"),
    }
}
