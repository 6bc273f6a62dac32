//! What readers of events look for: names, topics and the sorted keys of the data.

use crate::common::*;
use crate::{events, with, word};
use soroban_sdk::xdr::{ContractEventV0, Int128Parts, ScVal};
use soroban_sdk::{testutils::Address as _, vec, Address};

const BOOKS: &[&str] = &[
    "comission",
    "moved_from_project_to_reserve",
    "payments",
    "project",
    "project_withdrawals",
    "received_so_far",
    "reserve",
    "reserve_contributions",
];
const INVESTED: &[&str] =
    &["amount", "claimable_ts", "commission", "deposited", "regular_payment", "token_id"];

type Told = (String, usize, Vec<String>);

fn shape(event: &ContractEventV0) -> Told {
    let ScVal::Map(Some(data)) = &event.data else { panic!("{:?}", event.data) };
    (word(&event.topics[0]), event.topics.len(), data.iter().map(|pair| word(&pair.key)).collect())
}

fn units(amount: i128) -> ScVal {
    ScVal::I128(Int128Parts { hi: (amount >> 64) as i64, lo: amount as u64 })
}

fn shapes(scene: &Scene) -> Vec<Told> {
    events(scene).iter().map(shape).collect()
}

fn told(wanted: &[(&str, usize, &[&str])]) -> Vec<Told> {
    let words = |keys: &[&str]| keys.iter().map(|key| key.to_string()).collect();
    wanted.iter().map(|(name, topics, keys)| (name.to_string(), *topics, words(keys))).collect()
}

#[test]
fn events_say_what_readers_look_for() {
    let scene = Scene::new(with(|p| p.goal = 1_000 * WHOLE));
    let (contract, to) = (&scene.contract, Address::generate(&scene.env));
    scene.invest(1_000 * WHOLE);
    let mint = ("mint", 2, &["token_id"][..]);
    let all = [mint, ("INVESTED", 2, INVESTED), ("CBUPDATED", 1, BOOKS), ("STUPDATED", 1, &["new_state"])];
    assert_eq!(shapes(&scene), told(&all));
    contract.check_reserve_balance();
    assert_eq!(shapes(&scene), told(&[("DEFICIT", 1, &["missing", "needed", "reserve", "through_ts"])]));
    scene.top_up(1_000 * WHOLE);
    contract.process_investor_payments(&vec![&scene.env, 1, 2]);
    let paid = ("PAYMENT", 3, &["amount", "period", "remaining"][..]);
    assert_eq!(shapes(&scene), told(&[paid, ("PAYREFUSED", 2, &["code"]), ("CBUPDATED", 1, BOOKS)]));
    contract.single_withdrawn(&1);
    assert_eq!(shapes(&scene), told(&[("WITHDRAWN", 2, &["amount", "book"]), ("CBUPDATED", 1, BOOKS)]));
    contract.transfer(&contract.owner_of(&1), &to, &1);
    assert_eq!(shapes(&scene), told(&[("transfer", 3, &["token_id"])]));
    contract.transfer_ownership(&to, &2_000);
    let offer = ("ownership_transfer", 1, &["live_until_ledger", "new_owner", "old_owner"][..]);
    assert_eq!(shapes(&scene), told(&[offer]));
    contract.accept_ownership();
    assert_eq!(shapes(&scene), told(&[("ownership_transfer_completed", 1, &["new_owner"])]));
    contract.pause(&to);
    assert_eq!(shapes(&scene), told(&[("paused", 1, &[])]));
    contract.upgrade(&scene.env.deployer().upload_contract_wasm(COMPILED));
    assert_eq!(shapes(&scene), told(&[("UPGRADED", 1, &["new_wasm_hash"])]));
    contract.unpause(&to);
    assert_eq!(shapes(&scene), told(&[("unpaused", 1, &[])]));
}

#[test]
fn a_claim_of_several_names_the_last_period() {
    let scene = Scene::new(params());
    let made = scene.invest(1_000 * WHOLE);
    scene.top_up(1_000 * WHOLE);
    scene.wait(2 * PERIOD);
    scene.contract.claim(&1);
    let ScVal::Map(Some(data)) = &events(&scene)[0].data else { panic!() };
    assert_eq!(data[0].val, units(3 * made.regular_payment));
    assert_eq!(data[1].val, ScVal::U32(3));
    assert_eq!(data[2].val, units(made.total - 3 * made.regular_payment));
}
