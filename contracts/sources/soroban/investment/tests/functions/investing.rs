//! The constructor, and what investors bring.

use crate::common::*;
use crate::{told, with};
use paydate_investment::*;
use soroban_sdk::String;

#[test]
fn parameters_that_make_no_sense_are_refused() {
    let wrong = [
        (Error::InterestRateMustBeGreaterThanZero, with(|p| p.i_rate = 0)),
        (Error::GoalMustBeGreaterThanZero, with(|p| p.goal = 0)),
        (Error::GoalMustBeGreaterThanZero, with(|p| p.goal = -1)),
        (Error::UnsupportedReturnType, with(|p| p.return_type = 3)),
        (Error::ReturnMonthsMustBeGreaterThanZero, with(|p| p.return_months = 0)),
        (Error::MinPerInvestmentMustBeGreaterThanZero, with(|p| p.min_per_investment = 0)),
        (Error::InterestRateTooHigh, with(|p| p.i_rate = 90_001)),
        (Error::TooManyReturnMonths, with(|p| p.return_months = 121)),
        (Error::ClaimBlockTooLong, with(|p| p.claim_block_days = 3_661)),
    ];
    // Called from within: who deploys a contract is told of a failure, not of its code.
    let Scene { env, owner, project, token, contract } = Scene::new(params());
    for (error, params) in wrong {
        let word = text(&env, "");
        let words = (word.clone(), word.clone(), word);
        let (owner, project, token) = (owner.clone(), project.clone(), token.address.clone());
        let refused = env.as_contract(&contract.address, || {
            InvestmentContract::__constructor(
                env.clone(),
                owner,
                project,
                token,
                words.0,
                words.1,
                words.2,
                params,
            )
        });
        assert_eq!(refused, Err(error));
    }
    Scene::new(with(|p| {
        p.return_months = 120;
        p.claim_block_days = 3_660;
    }));
}

#[test]
fn a_new_contract_says_what_it_is() {
    let scene = Scene::new(params());
    assert_eq!(scene.books(), ContractBalances::default());
    assert_eq!(scene.contract.check_reserve_balance(), 0);
    let data = scene.contract.get_contract_data();
    assert_eq!((data.state, data.next_token_id, data.return_months), (ACTIVE, 1, 12));
    assert_eq!(data.token, scene.token.address);
    assert_eq!(scene.contract.get_owner(), Some(scene.owner.clone()));
    assert_eq!((scene.contract.version(), scene.contract.paused()), (2, false));
    assert_eq!(scene.contract.name(), String::from_str(&scene.env, "Wind"));
    assert_eq!(scene.contract.symbol(), String::from_str(&scene.env, "WND"));
    assert_eq!(refusal(scene.contract.try_token_uri(&1)), Error::NonExistentToken);
    scene.invest(1_000 * WHOLE);
    assert_eq!(scene.contract.token_uri(&1), String::from_str(&scene.env, "https://example.org"));
}

#[test]
fn an_investment_is_split_without_a_rest() {
    let scene = Scene::new(params());
    let made = scene.invest(1_000 * WHOLE);
    assert_eq!(told(&scene), ["mint", "INVESTED", "CBUPDATED"]);
    assert_eq!((made.commission, made.deposited), (41_666_666, 9_958_333_334));
    assert_eq!((made.accumulated_interests, made.total), (497_916_666, 10_456_250_000));
    assert_eq!((made.regular_payment, made.status, made.token_id), (871_354_166, CLAIMABLE, 1));
    assert_eq!(made.claimable_ts, START / DAY * DAY);
    let books = scene.books();
    assert_eq!((books.reserve, books.comission), (50 * WHOLE, 41_666_666));
    assert_eq!(books.reserve + books.project + books.comission, 1_000 * WHOLE);
    assert_eq!(scene.contract.get_books().difference, 0);
    assert_eq!(scene.contract.get_investment(&1), made);
}

#[test]
fn the_highest_rate_leaves_something_for_the_project() {
    let scene = Scene::new(with(|p| p.i_rate = 90_000));
    scene.invest(100 * WHOLE);
    let books = scene.books();
    assert_eq!((books.comission, books.reserve, books.project), (90 * WHOLE, 5 * WHOLE, 5 * WHOLE));
}

#[test]
fn the_commission_falls_with_the_amount_and_its_divisor_never_does() {
    let mut last = 0;
    for tokens in [100, 101, 500, 900, 20_000, 24_100, 24_500, 30_000, 1_000_000] {
        let scene = Scene::new(with(|p| p.goal = 10_000_000 * WHOLE));
        let units = tokens * WHOLE;
        let divisor = units * 500 / (scene.invest(units).commission * 10_000);
        assert!(divisor >= last && divisor <= 60, "{tokens}: {divisor} after {last}");
        last = divisor;
    }
    assert_eq!(last, 60);
}

#[test]
fn what_cannot_be_invested_is_refused() {
    let scene = Scene::new(with(|p| p.goal = 1_000 * WHOLE));
    let person = scene.rich(5_000 * WHOLE);
    let invest = |units: i128| refusal(scene.contract.try_invest(&person, &units));
    assert_eq!(invest(0), Error::AmountToInvestMustBeGreaterThanZero);
    assert_eq!(invest(-100 * WHOLE), Error::AmountToInvestMustBeGreaterThanZero);
    assert_eq!(invest(99 * WHOLE), Error::AmountLessThanMinimum);
    assert_eq!(invest(1_500 * WHOLE), Error::WouldExceedGoal);
    assert_eq!(invest(9_000 * WHOLE), Error::AddressInsufficientBalance);
    assert_eq!(scene.books(), ContractBalances::default());
    assert_eq!(scene.token.balance(&person), 5_000 * WHOLE);
}

#[test]
fn the_goal_is_reached_when_no_minimum_fits_any_more() {
    let scene = Scene::new(with(|p| p.goal = 1_000 * WHOLE));
    scene.invest(800 * WHOLE);
    assert_eq!(scene.contract.get_contract_data().state, ACTIVE);
    scene.invest(150 * WHOLE);
    assert_eq!(told(&scene), ["mint", "INVESTED", "CBUPDATED", "STUPDATED"]);
    assert_eq!(scene.contract.get_contract_data().state, FUNDS_REACHED);
    let late = scene.rich(100 * WHOLE);
    assert_eq!(refusal(scene.contract.try_invest(&late, &(100 * WHOLE))), Error::GoalAlreadyReached);
}
