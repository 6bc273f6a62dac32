"""A failed payment goes to the holder's new wallet: after two people, once, and never beside another payment."""

from typing import Any

import pytest
from pytest_django.fixtures import Settings

from contracts.gateways.errors import GatewayError
from contracts.models import AuditEvent, Contract, ContractTransaction, Hold, Notice
from contracts.services.holds import lift_hold, place_hold
from payouts.models import Distribution, Payment, Reissue
from payouts.services.approving import NotDecided, decide
from payouts.services.choosing import EVERYTHING, NotRetryable, Wanted
from payouts.services.news import read_news
from payouts.services.reissuing import NotReissued, refuse_reissue, retry_reissue
from payouts.services.repeating import retry_failed
from payouts.services.retrying import retry_distribution
from payouts.services.showing import compare_with_chain
from payouts.services.transferring import pay_reissue
from reserves.models import Reservation
from tests.payouts.reissued import approve, ask, balance, broken, new_account, new_wallet
from tests.payouts.test_restored import claim, put_back
from tests.payouts.test_retrying import thaw, unpaid
from tests.payouts.test_settling import pay_with_another_tool
from tests.restoring import Backup
from tests.running import Status, idle
from tests.threads import together
from tests.world import Pump, Setting, World


def until(pump: Pump, reissue: Reissue, status: str) -> Reissue:
    def reached() -> bool:
        reissue.refresh_from_db()
        return reissue.status == status

    pump.run(reached)
    return reissue


def until_waits(pump: Pump, reissue: Reissue, words: str) -> None:
    def waits() -> bool:
        reissue.refresh_from_db()
        return words in reissue.status_reason

    pump.run(waits)


def calls(reissue: Reissue) -> list[str]:
    return list(ContractTransaction.objects.of(reissue.subject).values_list("status", flat=True))


def send(pump: Pump, reissue: Reissue) -> None:
    """Approved and sent, and nobody has looked for the outcome."""
    with pump.without("contracts.resolve_sent", "contracts.resolve_transaction"):
        approve(reissue)
        pump.run(lambda: "SUBMITTED" in calls(reissue))


def test_the_whole_story(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution, payment = broken(setting, pump)
    wallet = new_wallet(setting)
    reissue = ask(payment, wallet)
    idle(pump)
    assert calls(reissue) == [], "nothing is sent before a second person has agreed"
    approval = reissue.approvals.get()
    assert approval.words.startswith("Pay ") and payment.holder in approval.words and wallet in approval.words

    approve(reissue)
    until(pump, reissue, "PAID")

    call = ContractTransaction.objects.get(subject=reissue.subject)
    assert (call.function, call.arguments, call.has_guard, call.purpose) == (
        "transferPaymentToken",
        [wallet, int(payment.expected_units)],
        False,
        "reissue",
    )
    assert (balance(setting, wallet), setting.balances()[payment.holder]) == (payment.expected_units, 0)
    payment.refresh_from_db()
    distribution.refresh_from_db()
    assert (payment.status, payment.paid_units) == ("REISSUED", 0)
    assert reissue.paid_at == call.consensus_at
    assert (distribution.status, distribution.failed_count, distribution.paid_count) == ("COMPLETED", 0, 2)
    assert not Reservation.objects.open().exists()
    assert Reservation.objects.get(distribution_uid=reissue.uid).drawn_units == payment.expected_units
    assert compare_with_chain(distribution).differing == ()
    told = AuditEvent.objects.filter(noun="reissue").order_by("pk").values_list("by", "target")
    assert list(told) == [("alice", "REQUESTED"), ("bob", "APPROVED"), ("paydate", "PAID")]


def test_an_account_number_names_a_wallet_as_well(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    _, payment = broken(setting, pump)
    account = new_account(setting)

    reissue = ask(payment, account["account"])

    assert reissue.wallet == account["evm_address"]


def test_whoever_asked_cannot_approve(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    _, payment = broken(setting, pump)
    reissue = ask(payment, new_wallet(setting))

    with pytest.raises(NotDecided, match="alice has asked for it: a second person has to decide"):
        approve(reissue, by="alice")

    idle(pump)
    reissue.refresh_from_db()
    assert reissue.status == "REQUESTED" and calls(reissue) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("somewhere", "is no wallet; give 0x and 40 hex digits"),
        ("0x12", "is no wallet; give 0x and 40 hex digits"),
        ("0x" + "77" * 20, "has no account on the network"),
        ("0.0.999999", "has no account on the network"),
    ],
)
def test_what_is_no_wallet_is_refused_in_words(world: World, pump: Pump, given: str, words: str) -> None:
    _, payment = broken(world.asset(holders=2), pump)

    with pytest.raises(NotReissued, match=words):
        ask(payment, given)

    assert not Reissue.objects.exists()


def test_a_wallet_that_cannot_take_the_token_is_refused_in_words(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    _, payment = broken(setting, pump)
    stranger = new_wallet(setting, associated=False)
    with pytest.raises(
        NotReissued, match="is not associated with the payment token; the holder associates it"
    ):
        ask(payment, stranger)
    frozen = new_wallet(setting)
    setting.ask_money("setFrozen", frozen, True)
    with pytest.raises(NotReissued, match="is frozen for the payment token"):
        ask(payment, frozen)
    with pytest.raises(NotReissued, match="is the one that could not be paid"):
        ask(payment, payment.holder)
    with pytest.raises(NotReissued, match="is a contract of this payout"):
        ask(payment, setting.asset.payout_contract.evm_address)
    with pytest.raises(NotReissued, match="say how the holder proved"):
        ask(payment, new_wallet(setting), reason="")
    assert not Reissue.objects.exists()


def test_a_paid_line_and_a_running_distribution_have_nothing_to_reissue(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    distribution, payment = broken(setting, pump)
    wallet = new_wallet(setting)
    with pytest.raises(NotReissued, match="is PAID: only a failed payment"):
        ask(distribution.payments.get(status="PAID"), wallet)
    Distribution.objects.filter(pk=distribution.pk).update(status="PROCESSING")
    with pytest.raises(NotReissued, match="the distribution is PROCESSING"):
        ask(Payment.objects.get(pk=payment.pk), wallet)


def test_without_the_role_it_is_refused_and_later_waits_in_words(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    _, payment = broken(setting, pump)
    wallet = new_wallet(setting)
    contract, payer = setting.made["payout_contract"]["id"], setting.made["payer"]["id"]
    world.control.do_set_role(contract, "TRANSFERER", payer, False)
    world.control.do_close_block()
    with pytest.raises(
        NotReissued, match=rf"the wallet {payer} lacks the role TRANSFERER on {contract}; grant it"
    ):
        ask(payment, wallet)
    world.control.do_set_role(contract, "TRANSFERER", payer)
    world.control.do_close_block()
    reissue = ask(payment, wallet)
    world.control.do_set_role(contract, "TRANSFERER", payer, False)
    world.control.do_close_block()

    approve(reissue)
    until_waits(pump, reissue, "lacks the role TRANSFERER")
    assert calls(reissue) == []
    world.control.do_set_role(contract, "TRANSFERER", payer)
    until(pump, reissue, "PAID")

    assert balance(setting, wallet) == payment.expected_units


def test_without_the_money_it_waits_and_says_how_much_is_missing(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2, fund=90_000_000)
    distribution, payment = broken(setting, pump)
    reissue = ask(payment, new_wallet(setting))
    distribution.refresh_from_db()
    assert distribution.next_retry_at is None and not Reservation.objects.open().exists()
    gone = setting.contract_balance() - 1
    contract = setting.made["payout_contract"]["id"]
    world.control.do_call(contract, "transferPaymentToken", [setting.made["payer"]["id"], gone])
    world.control.do_close_block()

    approve(reissue)
    until_waits(pump, reissue, "missing ")

    assert "free are 0.000001 USDC" in reissue.status_reason and calls(reissue) == []
    setting.top_up(gone)
    until(pump, reissue, "PAID")


def test_a_lost_reply_pays_once(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    _, payment = broken(setting, pump)
    wallet = new_wallet(setting)
    reissue = ask(payment, wallet)
    world.fault("consensus.drop_reply", count=1, match="reissue:")

    approve(reissue)
    until(pump, reissue, "PAID")
    idle(pump)

    assert balance(setting, wallet) == payment.expected_units
    assert len(world.records(reissue.subject)) == 1


def test_a_transfer_that_never_arrived_needs_a_proof_and_then_a_person(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    _, payment = broken(setting, pump)
    wallet = new_wallet(setting)
    reissue = ask(payment, wallet)
    world.fault("consensus.lose", match="reissue:")

    approve(reissue)
    until(pump, reissue, "FAILED")

    assert calls(reissue) == ["EXPIRED"]
    assert "a later transaction of the payer is on chain, this one is not" in reissue.status_reason
    assert reissue.status_reason.endswith("try it again, or refuse it and retry the payment")
    assert ContractTransaction.objects.filter(purpose="proof", status="SUCCEEDED").exists()
    world.clear("consensus.lose")
    idle(pump)
    assert calls(reissue) == ["EXPIRED"], "nothing is tried again by itself"
    with pytest.raises(NotReissued, match="say why"):
        retry_reissue(reissue, by="alice", reason="")
    retry_reissue(reissue, by="alice", reason="the network was down")
    until(pump, reissue, "PAID")
    assert balance(setting, wallet) == payment.expected_units


def test_a_ring_that_is_lost_between_approval_and_plan_costs_a_sweep(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    _, payment = broken(setting, pump)
    wallet = new_wallet(setting)
    reissue = ask(payment, wallet)
    approve(reissue)
    pump.rings.clear()

    until(pump, reissue, "PAID")

    assert balance(setting, wallet) == payment.expected_units


def test_a_transfer_that_the_chain_refuses_fails_in_words_and_the_line_may_be_retried_after_a_refusal(
    world: World, pump: Pump
) -> None:
    setting = world.asset(holders=2)
    distribution, payment = broken(setting, pump)
    wallet = new_wallet(setting)
    reissue = ask(payment, wallet)
    with pump.without("contracts.sign_transaction"):
        approve(reissue)
        pump.run(lambda: bool(calls(reissue)))
    setting.ask_money("setFrozen", wallet, True)
    until(pump, reissue, "FAILED")
    assert calls(reissue) == ["FAILED"]
    assert not Reservation.objects.open().exists()
    with pytest.raises(NotRetryable, match="is being re-issued to another wallet; refuse that first"):
        retry_distribution(distribution, EVERYTHING, by="olivia")

    refuse_reissue(reissue, by="alice", reason="he wants it on the old one")

    thaw(setting, payment.holder)
    world.advance(10)
    retry_distribution(distribution, EVERYTHING, by="olivia")
    pump.until_status(distribution, Status.COMPLETED)
    assert (balance(setting, wallet), setting.balances()[payment.holder]) == (0, payment.expected_units)


def test_from_the_request_on_nobody_else_pays_the_line(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = unpaid(setting, pump, *setting.holders[:2])
    payment = distribution.payments.get(holder=setting.holders[0])
    wallet = new_wallet(setting)
    reissue = ask(payment, wallet)
    thaw(setting, *setting.holders[:2])
    with pytest.raises(NotRetryable, match=f"is being re-issued to {wallet}, which is REQUESTED"):
        retry_distribution(distribution, Wanted(holders=(payment.holder,)), by="olivia")
    with pytest.raises(NotReissued, match="is being re-issued to"):
        ask(Payment.objects.get(pk=payment.pk), wallet)

    made = retry_distribution(distribution, EVERYTHING, by="olivia")
    assert made.lines == 1
    approve(reissue)
    until(pump, reissue, "PAID")
    pump.until_status(distribution, Status.COMPLETED)

    balances = setting.balances()
    assert (balances[payment.holder], balance(setting, wallet)) == (0, payment.expected_units)
    assert balances[setting.holders[1]] > 0


def test_automatic_retries_leave_it_out(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = unpaid(setting, pump, *setting.holders[:2])
    payment = distribution.payments.get(holder=setting.holders[0])
    due_at = distribution.next_retry_at
    ask(payment, new_wallet(setting))
    distribution.refresh_from_db()
    assert distribution.next_retry_at == due_at, "the other one is still tried again by itself"
    thaw(setting, *setting.holders[:2])
    world.advance(10)

    retry_failed()
    pump.run(lambda: setting.balances()[setting.holders[1]] > 0)
    pump.until_status(distribution, Status.PARTIALLY_COMPLETED)

    assert setting.balances()[payment.holder] == 0
    assert distribution.next_retry_at is None


def test_a_line_that_the_chain_pays_before_the_approval_is_refused_by_code(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    distribution, payment = broken(setting, pump)
    wallet = new_wallet(setting)
    reissue = ask(payment, wallet)
    thaw(setting, payment.holder)
    pay_with_another_tool(setting, distribution, [payment.holder])
    world.advance(10)

    approve(reissue)
    until(pump, reissue, "REFUSED")

    assert reissue.status_reason == "the chain has paid the holder meanwhile, so nothing is to be re-issued"
    assert calls(reissue) == [] and balance(setting, wallet) == 0
    payment.refresh_from_db()
    assert (payment.status, payment.difference) == ("PAID", "")


def test_a_line_that_is_paid_while_its_transfer_waits_is_not_paid_again(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    distribution, payment = broken(setting, pump)
    wallet = new_wallet(setting)
    reissue = ask(payment, wallet)
    with pump.without("contracts.sign_transaction"):
        approve(reissue)
        pump.run(lambda: bool(calls(reissue)))
    thaw(setting, payment.holder)
    pay_with_another_tool(setting, distribution, [payment.holder])
    world.advance(10)
    read_news(distribution)

    until(pump, reissue, "REFUSED")
    idle(pump)

    assert balance(setting, wallet) == 0 and calls(reissue) == ["EXPIRED"]
    assert setting.balances()[payment.holder] == payment.expected_units


def test_a_later_payment_of_a_reissued_line_is_critical_and_people_are_told(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    distribution, payment = broken(setting, pump)
    wallet = new_wallet(setting)
    reissue = ask(payment, wallet)
    approve(reissue)
    until(pump, reissue, "PAID")
    thaw(setting, payment.holder)
    pay_with_another_tool(setting, distribution, [payment.holder])
    world.advance(10)

    read_news(distribution)
    idle(pump)

    payment.refresh_from_db()
    assert (payment.status, payment.difference) == ("REISSUED", "PAID_AFTER_REISSUE")
    notice = Notice.objects.get(cause="PAID_TWICE")
    assert wallet in notice.text and payment.holder in notice.text and notice.object_uid == reissue.uid
    assert AuditEvent.objects.filter(what="difference", target="PAID_AFTER_REISSUE").count() == 1


def test_a_line_paid_while_the_transfer_is_on_its_way_is_critical_too(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    distribution, payment = broken(setting, pump)
    wallet = new_wallet(setting)
    reissue = ask(payment, wallet)
    send(pump, reissue)
    thaw(setting, payment.holder)
    pay_with_another_tool(setting, distribution, [payment.holder])
    Payment.objects.filter(pk=payment.pk).update(
        status="PAID", paid_units=payment.expected_units, paid_at="1.5"
    )

    until(pump, reissue, "PAID")
    idle(pump)

    payment.refresh_from_db()
    assert (payment.status, payment.difference) == ("PAID", "PAID_AFTER_REISSUE")
    assert Notice.objects.filter(cause="PAID_TWICE").count() == 1


def test_of_a_retry_and_a_request_at_the_same_moment_one_takes_the_line(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    distribution, payment = broken(setting, pump)
    wallet = new_wallet(setting)
    thaw(setting, payment.holder)
    world.advance(10)

    def retry() -> None:
        retry_distribution(Distribution.objects.get(pk=distribution.pk), EVERYTHING, by="oscar")

    (loser,) = together(retry, lambda: ask(Payment.objects.get(pk=payment.pk), wallet))

    assert isinstance(loser, NotReissued | NotRetryable | GatewayError)
    for reissue in Reissue.objects.all():
        approve(reissue)
    idle(pump)
    pump.until_status(distribution, Status.COMPLETED)
    paid = (setting.balances()[payment.holder], balance(setting, wallet))
    assert sorted(paid) == [0, payment.expected_units]


def test_two_steps_at_the_same_moment_plan_one_transfer(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    _, payment = broken(setting, pump)
    wallet = new_wallet(setting)
    reissue = ask(payment, wallet)
    approve(reissue)
    pump.rings.clear()

    assert together(*[lambda: pay_reissue(reissue.pk)] * 3) == []

    assert calls(reissue).count("PLANNED") <= 1
    until(pump, reissue, "PAID")
    assert balance(setting, wallet) == payment.expected_units


@pytest.mark.parametrize("scope", ["GLOBAL", "CONTRACT", "ASSET", "DISTRIBUTION"])
def test_a_hold_keeps_the_transfer_back(world: World, pump: Pump, scope: str) -> None:
    setting = world.asset(holders=2)
    distribution, payment = broken(setting, pump)
    reissue = ask(payment, new_wallet(setting))
    objects: dict[str, Any] = {
        "GLOBAL": "",
        "CONTRACT": setting.asset.payout_contract.uid,
        "ASSET": setting.asset.uid,
        "DISTRIBUTION": distribution.uid,
    }
    hold = place_hold(
        scope=scope, object_uid=objects[scope], cause=Hold.Cause.OPERATOR, reason="auditors", by="ann"
    )
    approve(reissue)
    until_waits(pump, reissue, "held: auditors")
    assert (
        calls(reissue) == [] and not Reservation.objects.open().filter(distribution_uid=reissue.uid).exists()
    )

    lift_hold(hold, reason="they left", by="ann")
    until(pump, reissue, "PAID")


def test_a_blocked_contract_keeps_the_transfer_back(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    _, payment = broken(setting, pump)
    reissue = ask(payment, new_wallet(setting))
    Contract.objects.filter(pk=setting.asset.payout_contract_id).update(status="BLOCKED")

    approve(reissue)
    until_waits(pump, reissue, "is BLOCKED")

    assert calls(reissue) == []


def test_what_was_changed_after_the_approval_is_not_sent(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    _, payment = broken(setting, pump)
    other = new_wallet(setting)
    reissue = ask(payment, new_wallet(setting))
    approve(reissue)
    Reissue.objects.filter(pk=reissue.pk).update(wallet=other)

    until_waits(pump, reissue, "it is not what was approved; ask for another approval")

    assert calls(reissue) == [] and balance(setting, other) == 0


def test_an_approved_one_is_refused_while_nothing_was_sent(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    _, payment = broken(setting, pump)
    reissue = ask(payment, new_wallet(setting))
    with pump.without("contracts.sign_transaction"):
        approve(reissue)
        pump.run(lambda: bool(calls(reissue)))

    refuse_reissue(reissue, by="bob", reason="the letter was forged")
    idle(pump)

    assert calls(reissue) == ["EXPIRED"] and reissue.status == "REFUSED"
    assert not Reservation.objects.open().exists()
    with pytest.raises(NotReissued, match="it is REFUSED"):
        refuse_reissue(reissue, by="bob", reason="again")
    with pytest.raises(NotReissued, match="it is REFUSED: only a transfer that failed"):
        retry_reissue(reissue, by="bob", reason="again")


def test_one_that_is_on_its_way_cannot_be_refused(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    _, payment = broken(setting, pump)
    reissue = ask(payment, new_wallet(setting))
    send(pump, reissue)

    with pytest.raises(NotReissued, match="its transfer is under way or done"):
        refuse_reissue(reissue, by="bob", reason="stop")

    until(pump, reissue, "PAID")


def test_a_refused_request_leaves_the_line_free_for_another(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    _, payment = broken(setting, pump)
    first = ask(payment, new_wallet(setting))
    decide(first.approvals.get(), is_approved=False, by="bob", reason="not his wallet")
    wallet = new_wallet(setting)

    second = ask(Payment.objects.get(pk=payment.pk), wallet)
    approve(second)
    until(pump, second, "PAID")

    assert balance(setting, wallet) == payment.expected_units
    first.refresh_from_db()
    assert first.status == "REFUSED"


def test_a_transfer_that_left_its_trace_is_not_repeated_whatever_the_book_says(
    world: World, pump: Pump
) -> None:
    setting = world.asset(holders=2)
    _, payment = broken(setting, pump)
    wallet = new_wallet(setting)
    reissue = ask(payment, wallet)
    send(pump, reissue)
    call = ContractTransaction.objects.get(subject=reissue.subject)
    world.wait_for(str(call.transaction_id))
    ContractTransaction.objects.filter(pk=call.pk).update(status="EXPIRED")
    Reissue.objects.filter(pk=reissue.pk).update(status="FAILED")
    world.advance(10)

    retry_reissue(reissue, by="alice", reason="the network was down")
    until_waits(pump, reissue, "by a call that this database does not know to be done")

    assert balance(setting, wallet) == payment.expected_units and calls(reissue) == ["EXPIRED"]


@pytest.fixture
def old_setting(world: World, settings: Settings) -> Setting:
    setting = world.asset(holders=3)
    world.advance(20)
    return setting


def test_a_database_from_before_the_transfer_takes_it_back_and_pays_nobody_again(
    world: World, pump: Pump, old_setting: Setting, backup: Backup
) -> None:
    distribution, payment = broken(old_setting, pump)
    wallet = new_wallet(old_setting)
    reissue = ask(payment, wallet)
    approve(reissue)
    backup.take()
    until(pump, reissue, "PAID")

    put_back(world, pump, backup, distribution)
    claim(world)
    until(pump, reissue, "PAID")

    assert balance(old_setting, wallet) == payment.expected_units
    payment.refresh_from_db()
    assert payment.status == "REISSUED" and len(world.records(reissue.subject)) == 1


def test_a_database_from_before_the_request_does_not_pay_the_same_wallet_again(
    world: World, pump: Pump, old_setting: Setting, backup: Backup
) -> None:
    distribution, payment = broken(old_setting, pump)
    wallet = new_wallet(old_setting)
    backup.take()
    reissue = ask(payment, wallet)
    approve(reissue)
    until(pump, reissue, "PAID")

    put_back(world, pump, backup, distribution)
    claim(world)

    with pytest.raises(NotReissued, match="does not know to be done; if that was this payment"):
        ask(Payment.objects.get(pk=payment.pk), wallet)
    assert balance(old_setting, wallet) == payment.expected_units
