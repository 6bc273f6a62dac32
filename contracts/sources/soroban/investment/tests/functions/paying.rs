//! Paying investors, by the owner and by themselves.

use crate::common::*;
use crate::{told, with};
use paydate_investment::*;
use soroban_sdk::testutils::{Address as _, Ledger as _};
use soroban_sdk::{vec, Address, Vec};

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
