//! Pause, succession, new code, and who may do what.

use crate::common::*;
use crate::told;
use paydate_investment::*;
use soroban_sdk::testutils::{Address as _, Ledger as _, MockAuth, MockAuthInvoke};
use soroban_sdk::{vec, Address, BytesN, IntoVal, Symbol, Val, Vec};

#[test]
fn a_pause_stops_what_moves_money_out_and_investors_in() {
    let scene = Scene::new(params());
    scene.invest(1_000 * WHOLE);
    let (contract, owner) = (&scene.contract, &scene.owner);
    assert_eq!(refusal(contract.try_unpause(owner)), Error::ExpectedPause);
    contract.pause(owner);
    assert_eq!(told(&scene), ["paused"]);
    assert!(contract.paused());
    assert_eq!(refusal(contract.try_pause(owner)), Error::EnforcedPause);
    let person = scene.rich(1_000 * WHOLE);
    let to = Address::generate(&scene.env);
    for refused in [
        refusal(contract.try_invest(&person, &(1_000 * WHOLE))),
        refusal(contract.try_process_investor_payment(&1)),
        refusal(contract.try_process_investor_payments(&vec![&scene.env, 1])),
        refusal(contract.try_claim(&1)),
        refusal(contract.try_single_withdrawn(&1)),
        refusal(contract.try_withdraw_commission(&to, &1)),
        refusal(contract.try_transfer(&contract.owner_of(&1), &to, &1)),
    ] {
        assert_eq!(refused, Error::EnforcedPause);
    }
    assert!(contract.check_reserve_balance() > 0);
    scene.top_up(1_000 * WHOLE);
    assert!(contract.move_funds_to_the_reserve(&1));
    contract.unpause(owner);
    assert_eq!(told(&scene), ["unpaused"]);
    contract.process_investor_payment(&1);
}

#[test]
fn the_owner_changes_in_two_steps() {
    let scene = Scene::new(params());
    let contract = &scene.contract;
    let (next, ledger) = (Address::generate(&scene.env), scene.env.ledger().sequence());
    assert_eq!(refusal(contract.try_accept_ownership()), Error::NoPendingTransfer);
    assert_eq!(refusal(contract.try_transfer_ownership(&next, &0)), Error::NoPendingTransfer);
    for until in [ledger - 1, u32::MAX] {
        let refused = refusal(contract.try_transfer_ownership(&next, &until));
        assert_eq!(refused, Error::InvalidLiveUntilLedger);
    }
    contract.transfer_ownership(&next, &(ledger + 10));
    assert_eq!(told(&scene), ["ownership_transfer"]);
    assert_eq!(contract.get_owner(), Some(scene.owner.clone()));
    scene.env.ledger().set_sequence_number(ledger + 11);
    assert_eq!(refusal(contract.try_accept_ownership()), Error::NoPendingTransfer);
    contract.transfer_ownership(&next, &(ledger + 20));
    contract.accept_ownership();
    assert_eq!(told(&scene), ["ownership_transfer_completed"]);
    assert_eq!(contract.get_owner(), Some(next.clone()));
    contract.transfer_ownership(&scene.owner, &(ledger + 20));
    contract.transfer_ownership(&scene.owner, &0);
    assert_eq!(refusal(contract.try_accept_ownership()), Error::NoPendingTransfer);
}

#[test]
fn code_is_replaced_only_while_paused() {
    let scene = Scene::new(params());
    scene.invest(1_000 * WHOLE);
    let (books, hash) = (scene.books(), scene.env.deployer().upload_contract_wasm(COMPILED));
    assert_eq!(refusal(scene.contract.try_upgrade(&hash)), Error::ExpectedPause);
    scene.contract.pause(&scene.owner);
    scene.contract.upgrade(&hash);
    assert_eq!(told(&scene), ["UPGRADED"]);
    assert_eq!((scene.contract.version(), scene.contract.paused()), (2, true));
    assert_eq!(scene.books(), books);
}

#[test]
fn every_function_that_changes_something_asks_for_a_word() {
    let scene = Scene::new(params());
    scene.invest(1_000 * WHOLE);
    let (stranger, investor) = (scene.rich(1_000 * WHOLE), scene.contract.owner_of(&1));
    scene.contract.transfer_ownership(&scene.project, &2_000);
    let id = &scene.contract.address;
    let env = &scene.env;
    let hash = BytesN::from_array(env, &[1; 32]);
    let calls: [(&str, Vec<Val>); 17] = [
        ("check_reserve_balance", vec![env]),
        ("check_reserve_balance_within", vec![env, 1u64.into_val(env)]),
        ("add_company_transfer", vec![env, 1i128.into_val(env)]),
        ("move_funds_to_the_reserve", vec![env, 1i128.into_val(env)]),
        ("book_surplus", vec![env]),
        ("process_investor_payment", vec![env, 1u32.into_val(env)]),
        ("process_investor_payments", vec![env, vec![env, 1u32].into_val(env)]),
        ("single_withdrawn", vec![env, 1i128.into_val(env)]),
        ("withdraw_commission", vec![env, stranger.into_val(env), 1i128.into_val(env)]),
        ("pause", vec![env, stranger.into_val(env)]),
        ("unpause", vec![env, stranger.into_val(env)]),
        ("transfer_ownership", vec![env, stranger.into_val(env), 2_000u32.into_val(env)]),
        ("upgrade", vec![env, hash.into_val(env)]),
        ("accept_ownership", vec![env]),
        ("claim", vec![env, 1u32.into_val(env)]),
        ("invest", vec![env, investor.into_val(env), (1_000 * WHOLE).into_val(env)]),
        ("transfer", vec![env, investor.into_val(env), stranger.into_val(env), 1u32.into_val(env)]),
    ];
    for (name, args) in calls {
        let invoke = MockAuthInvoke { contract: id, fn_name: name, args: args.clone(), sub_invokes: &[] };
        env.mock_auths(&[MockAuth { address: &stranger, invoke: &invoke }]);
        let result = env.try_invoke_contract::<Val, soroban_sdk::Error>(id, &Symbol::new(env, name), args);
        assert!(is_refused_by_the_host(&result), "{name}: {result:?}");
    }
}

#[test]
fn who_only_reads_needs_nobodys_word() {
    let scene = Scene::new(params());
    scene.invest(1_000 * WHOLE);
    scene.env.set_auths(&[]);
    let contract = &scene.contract;
    assert_eq!(contract.get_contract_balance().reserve, 50 * WHOLE);
    assert_eq!(contract.get_books().balance, 1_000 * WHOLE);
    assert!(contract.get_reserve_status(&0).missing > 0);
    assert_eq!(told(&scene), [""; 0]);
    assert_eq!(contract.get_contract_data().next_token_id, 2);
    assert_eq!(contract.get_investment(&1).token_id, 1);
    assert_eq!(contract.balance(&contract.owner_of(&1)), 1);
    assert_eq!((contract.paused(), contract.get_owner()), (false, Some(scene.owner.clone())));
}

fn is_refused_by_the_host<T, C>(
    result: &Result<Result<T, C>, Result<soroban_sdk::Error, soroban_sdk::InvokeError>>,
) -> bool {
    match result {
        Err(Ok(error)) => !error.is_type(soroban_sdk::xdr::ScErrorType::Contract),
        Err(Err(_)) => true,
        Ok(_) => false,
    }
}
