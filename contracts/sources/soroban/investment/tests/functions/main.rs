//! Every function, what it refuses, and what it tells.

mod common;

use common::*;
use paydate_investment::*;
use soroban_sdk::testutils::{Address as _, Events as _, Ledger as _, MockAuth, MockAuthInvoke};
use soroban_sdk::{vec, Address, BytesN, IntoVal, String, Symbol, Val, Vec};

fn with(change: impl FnOnce(&mut InvestmentContractParams)) -> InvestmentContractParams {
    let mut params = params();
    change(&mut params);
    params
}

/// Names of the events of the last call, as their first topics.
fn told(scene: &Scene) -> std::vec::Vec<std::string::String> {
    let events = scene.env.events().all().filter_by_contract(&scene.contract.address);
    events
        .events()
        .iter()
        .map(|event| {
            let soroban_sdk::xdr::ContractEventBody::V0(body) = &event.body;
            match &body.topics[0] {
                soroban_sdk::xdr::ScVal::Symbol(name) => name.to_utf8_string_lossy(),
                other => panic!("{other:?}"),
            }
        })
        .collect()
}

// -- the constructor

#[test]
fn parameters_that_make_no_sense_are_refused() {
    let wrong = [
        with(|p| p.i_rate = 0),
        with(|p| p.goal = 0),
        with(|p| p.goal = -1),
        with(|p| p.return_type = 3),
        with(|p| p.return_months = 0),
        with(|p| p.min_per_investment = 0),
        with(|p| p.return_months = 121),
        with(|p| p.claim_block_days = 3_661),
    ];
    for params in wrong {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| Scene::new(params.clone())));
        assert!(outcome.is_err(), "{params:?}");
    }
    Scene::new(with(|p| {
        p.return_months = 120;
        p.claim_block_days = 3_660;
    }));
}

#[test]
fn a_new_contract_says_what_it_is() {
    let scene = Scene::new(params());
    let data = scene.contract.get_contract_data();
    assert_eq!((data.state, data.next_token_id, data.return_months), (ACTIVE, 1, 12));
    assert_eq!(data.token, scene.token.address);
    assert_eq!(scene.contract.get_owner(), Some(scene.owner.clone()));
    assert_eq!((scene.contract.version(), scene.contract.paused()), (2, false));
    assert_eq!(scene.contract.name(), String::from_str(&scene.env, "Wind"));
    assert_eq!(scene.contract.symbol(), String::from_str(&scene.env, "WND"));
    assert_eq!(scene.books(), ContractBalances::default());
    assert_eq!(scene.contract.check_reserve_balance(), 0);
}

// -- investing

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

// -- paying

#[test]
fn a_period_is_paid_once_however_often_it_is_asked_for() {
    let scene = Scene::new(params());
    let made = scene.invest(1_000 * WHOLE);
    scene.top_up(1_000 * WHOLE);
    let investor = scene.contract.owner_of(&1);
    let paid = scene.contract.process_investor_payment(&1);
    assert_eq!(told(&scene), ["PAYMENT", "CBUPDATED"]);
    assert_eq!((paid.payments_transferred, paid.paid), (1, made.regular_payment));
    assert_eq!((paid.status, paid.last_transfer_ts), (CASH_FLOWING, made.claimable_ts));
    assert_eq!(scene.token.balance(&investor), made.regular_payment);
    let again = scene.contract.try_process_investor_payment(&1);
    assert_eq!(refusal(again), Error::AddressInvestmentNextTransferNotClaimableYet);
    assert_eq!(scene.token.balance(&investor), made.regular_payment);
}

#[test]
fn due_dates_do_not_drift() {
    let scene = Scene::new(params());
    let made = scene.invest(1_000 * WHOLE);
    scene.top_up(1_000 * WHOLE);
    scene.wait(10 * DAY);
    scene.contract.process_investor_payment(&1);
    // Due 30 days after the first due date, not after the first payment.
    let second = made.claimable_ts + PERIOD;
    scene.env.ledger().set_timestamp(second - 1);
    let early = refusal(scene.contract.try_process_investor_payment(&1));
    assert_eq!(early, Error::AddressInvestmentNextTransferNotClaimableYet);
    scene.env.ledger().set_timestamp(second);
    assert_eq!(scene.contract.process_investor_payment(&1).last_transfer_ts, second);
}

#[test]
fn what_cannot_be_paid_is_refused() {
    let scene = Scene::new(with(|p| p.claim_block_days = 10));
    scene.invest(1_000 * WHOLE);
    let pay = |id: u32| refusal(scene.contract.try_process_investor_payment(&id));
    assert_eq!(pay(2), Error::NonExistentToken);
    assert_eq!(pay(1), Error::AddressInvestmentIsNotClaimableYet);
    scene.wait(10 * DAY);
    assert_eq!(pay(1), Error::ContractInsufficientBalance);
    scene.top_up(20_000 * WHOLE);
    scene.token.set_frozen(&scene.contract.owner_of(&1), &true);
    assert_eq!(pay(1), Error::RecipientCannotReceivePayment);
    scene.token.set_frozen(&scene.contract.owner_of(&1), &false);
    scene.wait(400 * DAY);
    for _ in 0..12 {
        scene.contract.process_investor_payment(&1);
    }
    assert_eq!(pay(1), Error::AddressInvestmentIsFinished);
    assert_eq!(scene.contract.get_reserve_status(&0).needed, 0);
}

#[test]
fn the_last_instalment_pays_all_that_is_left() {
    for (kind, last) in [(REVERSE_LOAN, 871_354_174), (COUPON, 9_958_333_334 + 41_493_061)] {
        let scene = Scene::new(with(|p| p.return_type = kind));
        let made = scene.invest(1_000 * WHOLE);
        scene.top_up(20_000 * WHOLE);
        scene.wait(11 * PERIOD);
        for _ in 0..11 {
            scene.contract.process_investor_payment(&1);
        }
        let before = scene.contract.get_investment(&1);
        assert_eq!(before.paid, 11 * made.regular_payment);
        assert_eq!(scene.contract.get_reserve_status(&0).needed, last);
        let after = scene.contract.process_investor_payment(&1);
        assert_eq!((after.paid - before.paid, after.status), (last, FINISHED));
        assert_eq!(after.paid, made.total);
        assert_eq!(scene.token.balance(&scene.contract.owner_of(&1)), made.total);
    }
}

#[test]
fn many_are_paid_at_once_and_one_refusal_stops_nobody() {
    let scene = Scene::new(params());
    let regular = scene.invest(1_000 * WHOLE).regular_payment;
    scene.invest(2_000 * WHOLE);
    scene.invest(1_000 * WHOLE);
    scene.top_up(20_000 * WHOLE);
    scene.token.set_frozen(&scene.contract.owner_of(&2), &true);
    let ids = vec![&scene.env, 1, 2, 3, 9];
    let results = scene.contract.process_investor_payments(&ids);
    assert_eq!(told(&scene), ["PAYMENT", "PAYREFUSED", "PAYMENT", "PAYREFUSED", "CBUPDATED"]);
    let found = |amount, code, period, token_id| PaymentResult { amount, code, period, token_id };
    let wanted = [found(regular, 0, 1, 1), found(0, 28, 0, 2), found(regular, 0, 1, 3), found(0, 200, 0, 9)];
    assert_eq!(results, Vec::from_array(&scene.env, wanted));
    assert_eq!(scene.contract.get_books().difference, 0);
    assert_eq!(scene.books().payments, 2 * regular);
    let again = scene.contract.process_investor_payments(&ids);
    assert_eq!(again.iter().map(|one| one.code).collect::<std::vec::Vec<_>>(), [17, 28, 17, 200]);
    assert_eq!(scene.books().payments, 2 * regular);
}

#[test]
fn a_list_that_does_not_rise_or_is_too_long_pays_nobody() {
    let scene = Scene::new(params());
    scene.invest(1_000 * WHOLE);
    scene.top_up(1_000 * WHOLE);
    let too_many = Vec::from_iter(&scene.env, 1..=MOST_PAYMENTS + 1);
    for ids in [vec![&scene.env], vec![&scene.env, 1, 1], vec![&scene.env, 2, 1], too_many] {
        let refused = refusal(scene.contract.try_process_investor_payments(&ids));
        assert_eq!(refused, Error::InvalidPaymentData);
    }
    assert_eq!(scene.books().payments, 0);
}

#[test]
fn who_claims_gets_all_that_is_due() {
    let scene = Scene::new(params());
    let made = scene.invest(1_000 * WHOLE);
    scene.top_up(20_000 * WHOLE);
    scene.wait(2 * PERIOD);
    assert_eq!(scene.contract.get_reserve_status(&0).arrears, 3 * made.regular_payment);
    let claimed = scene.contract.claim(&1);
    assert_eq!((claimed.payments_transferred, claimed.paid), (3, 3 * made.regular_payment));
    assert_eq!(claimed.last_transfer_ts, made.claimable_ts + 2 * PERIOD);
    assert_eq!(scene.contract.get_reserve_status(&0).arrears, 0);
    let again = refusal(scene.contract.try_claim(&1));
    assert_eq!(again, Error::AddressInvestmentNextTransferNotClaimableYet);
}

#[test]
fn an_investment_that_was_passed_on_pays_its_new_holder() {
    let scene = Scene::new(params());
    let regular = scene.invest(1_000 * WHOLE).regular_payment;
    scene.top_up(1_000 * WHOLE);
    let (first, second) = (scene.contract.owner_of(&1), Address::generate(&scene.env));
    let stolen = refusal(scene.contract.try_transfer(&second, &second, &1));
    assert_eq!(stolen, Error::IncorrectOwner);
    assert_eq!(refusal(scene.contract.try_transfer(&first, &second, &7)), Error::NonExistentToken);
    scene.contract.transfer(&first, &second, &1);
    assert_eq!(told(&scene), ["transfer"]);
    assert_eq!((scene.contract.balance(&first), scene.contract.balance(&second)), (0, 1));
    scene.contract.process_investor_payment(&1);
    assert_eq!((scene.token.balance(&first), scene.token.balance(&second)), (0, regular));
}

// -- the reserve

#[test]
fn a_check_sees_what_the_deployed_family_does_not() {
    // A block period, arrears, and an investment that has ended.
    let scene = Scene::new(with(|p| {
        p.claim_block_days = 180;
        p.return_months = 3;
    }));
    let made = scene.invest(1_000 * WHOLE);
    let missing = |due: i128| (due - scene.books().reserve).max(0);
    scene.wait(172 * DAY);
    assert_eq!(scene.contract.check_reserve_balance(), 0);
    scene.wait(DAY);
    assert_eq!(scene.contract.check_reserve_balance(), missing(made.regular_payment));
    assert_eq!(told(&scene), ["DEFICIT"]);
    scene.wait(7 * DAY + 2 * PERIOD);
    assert_eq!(scene.contract.check_reserve_balance(), missing(made.total));
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

// -- control

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
    let hash = BytesN::from_array(&scene.env, &[1; 32]);
    assert_eq!(refusal(scene.contract.try_upgrade(&hash)), Error::ExpectedPause);
}

#[test]
fn every_function_of_the_owner_asks_for_his_word() {
    let scene = Scene::new(params());
    scene.invest(1_000 * WHOLE);
    let stranger = Address::generate(&scene.env);
    let id = &scene.contract.address;
    let env = &scene.env;
    let hash = BytesN::from_array(env, &[1; 32]);
    let calls: [(&str, Vec<Val>); 13] = [
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
    ];
    for (name, args) in calls {
        let invoke = MockAuthInvoke { contract: id, fn_name: name, args: args.clone(), sub_invokes: &[] };
        env.mock_auths(&[MockAuth { address: &stranger, invoke: &invoke }]);
        let result = env.try_invoke_contract::<Val, soroban_sdk::Error>(id, &Symbol::new(env, name), args);
        assert!(is_refused_by_the_host(&result), "{name}: {result:?}");
    }
}

fn is_refused_by_the_host<T, C>(result: &Result<Result<T, C>, Result<soroban_sdk::Error, soroban_sdk::InvokeError>>) -> bool {
    match result {
        Err(Ok(error)) => !error.is_type(soroban_sdk::xdr::ScErrorType::Contract),
        Err(Err(_)) => true,
        Ok(_) => false,
    }
}
