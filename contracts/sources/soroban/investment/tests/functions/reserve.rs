//! Checks, and the books behind them.

use crate::common::*;
use crate::{told, with};
use paydate_investment::*;
use soroban_sdk::testutils::Address as _;
use soroban_sdk::Address;

#[test]
fn a_check_sees_what_the_deployed_family_does_not() {
    // A block period, arrears, and an investment that has ended.
    let scene = Scene::new(with(|p| {
        p.claim_block_days = 180;
        p.return_months = 3;
    }));
    let made = scene.invest(1_000 * WHOLE);
    let reserve = scene.books().reserve;
    scene.wait(172 * DAY);
    assert_eq!(scene.contract.check_reserve_balance(), 0);
    scene.wait(DAY);
    assert_eq!(scene.contract.check_reserve_balance(), made.regular_payment - reserve);
    assert_eq!(told(&scene), ["DEFICIT"]);
    scene.wait(7 * DAY + 2 * PERIOD);
    assert_eq!(scene.contract.check_reserve_balance(), made.total - reserve);
    scene.top_up(20_000 * WHOLE);
    assert_eq!(scene.contract.check_reserve_balance(), 0);
    assert!(told(&scene).is_empty());
    scene.contract.claim(&1);
    scene.wait(400 * DAY);
    assert_eq!(scene.contract.get_reserve_status(&(3_660 * DAY)).needed, 0);
}

#[test]
fn the_horizon_is_a_parameter_and_includes_its_last_second() {
    let scene = Scene::new(with(|p| p.claim_block_days = 20));
    let made = scene.invest(1_000 * WHOLE);
    let until = made.claimable_ts - scene.now();
    assert_eq!(scene.contract.get_reserve_status(&(until - 1)).needed, 0);
    assert_eq!(scene.contract.get_reserve_status(&until).needed, made.regular_payment);
    assert_eq!(scene.contract.get_reserve_status(&(until + PERIOD)).needed, 2 * made.regular_payment);
    let missing = scene.contract.check_reserve_balance_within(&until);
    assert_eq!(missing, made.regular_payment - scene.books().reserve);
    let endless = scene.contract.try_get_reserve_status(&(3_661 * DAY));
    assert_eq!(refusal(endless), Error::HorizonTooLong);
    let endless = scene.contract.try_check_reserve_balance_within(&u64::MAX);
    assert_eq!(refusal(endless), Error::HorizonTooLong);
}

#[test]
fn tokens_that_have_gone_are_missing_in_the_reserve() {
    let scene = Scene::new(params());
    let made = scene.invest(1_000 * WHOLE);
    scene.top_up(made.regular_payment);
    assert_eq!(scene.contract.check_reserve_balance(), 0);
    // As a clawback does it: nobody asked the contract.
    let elsewhere = Address::generate(&scene.env);
    scene.token.transfer(&scene.contract.address, &elsewhere, &(60 * WHOLE));
    assert_eq!(scene.contract.get_books().difference, -60 * WHOLE);
    assert_eq!(scene.contract.check_reserve_balance(), 10 * WHOLE);
}

#[test]
fn money_that_came_by_itself_can_be_booked() {
    let scene = Scene::new(params());
    assert_eq!(refusal(scene.contract.try_book_surplus()), Error::NoSurplus);
    scene.token.mint(&scene.contract.address, &(7 * WHOLE));
    assert_eq!(scene.contract.book_surplus(), 7 * WHOLE);
    assert_eq!(told(&scene), ["CBUPDATED"]);
    assert_eq!((scene.books().reserve, scene.contract.get_books().difference), (7 * WHOLE, 0));
}

#[test]
fn books_move_by_positive_amounts_that_are_there() {
    let scene = Scene::new(params());
    scene.invest(1_000 * WHOLE);
    let project = scene.books().project;
    let contract = &scene.contract;
    let to = Address::generate(&scene.env);
    for amount in [0, -1, i128::MIN] {
        assert_eq!(refusal(contract.try_add_company_transfer(&amount)), Error::AmountMustBePositive);
        assert_eq!(refusal(contract.try_move_funds_to_the_reserve(&amount)), Error::AmountMustBePositive);
        assert_eq!(refusal(contract.try_single_withdrawn(&amount)), Error::AmountMustBePositive);
        assert_eq!(refusal(contract.try_withdraw_commission(&to, &amount)), Error::AmountMustBePositive);
    }
    let poor = refusal(contract.try_add_company_transfer(&WHOLE));
    assert_eq!(poor, Error::AddressInsufficientBalance);
    for refused in [
        refusal(contract.try_move_funds_to_the_reserve(&(project + 1))),
        refusal(contract.try_single_withdrawn(&(project + 1))),
    ] {
        assert_eq!(refused, Error::ProjectBalanceInsufficientAmount);
    }
    assert!(contract.move_funds_to_the_reserve(&WHOLE));
    assert!(contract.single_withdrawn(&(project - WHOLE)));
    assert_eq!(told(&scene), ["WITHDRAWN", "CBUPDATED"]);
    let books = scene.books();
    assert_eq!((books.project, books.reserve), (0, 51 * WHOLE));
    assert_eq!(scene.token.balance(&scene.project), project - WHOLE);
    assert_eq!(contract.get_books().difference, 0);
}

#[test]
fn books_may_be_used_to_the_last_unit() {
    let scene = Scene::new(params());
    let made = scene.invest(1_000 * WHOLE);
    let books = scene.books();
    assert!(scene.contract.move_funds_to_the_reserve(&books.project));
    scene.top_up(made.total - books.reserve - books.project);
    scene.wait(11 * PERIOD);
    scene.contract.claim(&1);
    let left = scene.books();
    assert_eq!((left.project, left.reserve), (0, 0));
}

#[test]
fn the_commission_can_be_withdrawn() {
    let scene = Scene::new(params());
    let commission = scene.invest(1_000 * WHOLE).commission;
    let to = Address::generate(&scene.env);
    let too_much = refusal(scene.contract.try_withdraw_commission(&to, &(commission + 1)));
    assert_eq!(too_much, Error::ProjectBalanceInsufficientAmount);
    assert_eq!(scene.contract.withdraw_commission(&to, &(commission - 1)), 1);
    assert_eq!(told(&scene), ["WITHDRAWN", "CBUPDATED"]);
    assert_eq!(scene.token.balance(&to), commission - 1);
    assert_eq!(scene.contract.get_books().difference, 0);
}
