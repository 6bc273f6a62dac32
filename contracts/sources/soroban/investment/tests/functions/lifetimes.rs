//! How long what is stored lives, in ledgers.

use crate::common::*;
use soroban_sdk::testutils::{storage::Instance as _, storage::Persistent as _, Ledger as _};
use soroban_sdk::{vec, Symbol, Val, Vec};

const DAY_LEDGERS: u32 = 17_280;

fn life_of_instance(scene: &Scene) -> u32 {
    scene.env.as_contract(&scene.contract.address, || scene.env.storage().instance().get_ttl())
}

fn life_of_investment(scene: &Scene) -> u32 {
    let env = &scene.env;
    let key: Vec<Val> = vec![env, Symbol::new(env, "Investment").to_val(), 1u32.into()];
    env.as_contract(&scene.contract.address, || env.storage().persistent().get_ttl(&key))
}

fn pass(scene: &Scene, days: u32) {
    let ledger = scene.env.ledger().sequence();
    scene.env.ledger().set_sequence_number(ledger + days * DAY_LEDGERS);
}

#[test]
fn who_changes_or_checks_lets_the_contract_live_on_and_who_reads_does_not() {
    let scene = Scene::new(params());
    // A new entry lives for 120 days here, as on the public network.
    pass(&scene, 104);
    scene.contract.check_reserve_balance();
    assert_eq!(life_of_instance(&scene), 16 * DAY_LEDGERS - 1);
    pass(&scene, 2);
    scene.contract.get_reserve_status(&0);
    scene.contract.get_books();
    assert_eq!(life_of_instance(&scene), 14 * DAY_LEDGERS - 1);
    scene.contract.check_reserve_balance();
    assert_eq!(life_of_instance(&scene), 30 * DAY_LEDGERS);
    pass(&scene, 16);
    scene.contract.pause(&scene.owner);
    assert_eq!(life_of_instance(&scene), 30 * DAY_LEDGERS);
}

#[test]
fn an_investment_lives_on_when_it_is_paid() {
    let scene = Scene::new(params());
    scene.invest(1_000 * WHOLE);
    scene.top_up(1_000 * WHOLE);
    assert_eq!(life_of_investment(&scene), 120 * DAY_LEDGERS - 1);
    for days in [12, 12, 12] {
        pass(&scene, days);
        scene.contract.check_reserve_balance();
    }
    scene.contract.process_investor_payment(&1);
    // The network's own bound is one ledger short of 180 days.
    assert_eq!(life_of_investment(&scene), 180 * DAY_LEDGERS - 1);
}
