"""The book of transactions on Stellar: planned, signed by custody as a transaction, sent, and resolved by hash."""

import base64
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import transaction
from pytest_django.fixtures import Settings
from stellar_sdk import Keypair, TransactionEnvelope

from contracts import clock, gates
from contracts.gateways import soroban
from contracts.ids import new_uid
from contracts.models import Contract, ContractTransaction, Wallet
from contracts.services.planning import Call, Waiting, abandon, plan_transaction
from contracts.services.resolving import resolve_transaction
from contracts.services.sending import send_again
from contracts.services.signing import sign_transaction
from contracts.services.wallets import start_wallet, stop_wallet
from tests.stellar import investment, stellar_wallet
from tests.world import Pump, World

PURPOSE = "stellar-probe"
Status = ContractTransaction.Status


class StellarProbe:
    def __init__(self, world: World, pump: Pump) -> None:
        self.world, self.pump = world, pump
        self.contract: Contract = investment(world)
        self.closed: str | None = None
        self.arrows: list[str] = []

    def plan(
        self, function: str = "check_reserve_balance", contract: Contract | None = None
    ) -> ContractTransaction:
        contract = contract or self.contract
        with transaction.atomic():
            return plan_transaction(
                wallet=contract.wallet,
                contract=contract,
                call=Call(contract.address, "investment/1", function, [], gas_limit=0),
                purpose=PURPOSE,
                subject=f"probe:{new_uid()}",
                group_uid=new_uid(),
                has_guard=True,
            )

    def until(self, row: ContractTransaction, *statuses: str) -> ContractTransaction:
        def reached() -> bool:
            row.refresh_from_db()
            return row.status in statuses

        self.pump.run(reached)
        return row

    def submitted(self) -> ContractTransaction:
        row = self.plan()
        with self.pump.without("contracts.resolve_transaction"):
            return self.until(row, Status.SUBMITTED)

    def sequence(self) -> int:
        return int(self.world.control.do_stellar_account(self.contract.wallet.account)["sequence"])


@pytest.fixture
def probe(world: World, pump: Pump) -> Iterator[StellarProbe]:
    probe = StellarProbe(world, pump)
    gates.register(
        PURPOSE, gate=lambda row: probe.closed, handler=lambda row, arrow: probe.arrows.append(arrow)
    )
    world.net.dfns.forget_requests()
    yield probe
    gates.forget(PURPOSE)


def test_a_call_from_plan_to_result(probe: StellarProbe) -> None:
    probe.world.control.do_set_reserve_answer(probe.contract.address, 2**64 + 5)
    before = probe.sequence()

    row = probe.until(probe.plan(), Status.SUCCEEDED)

    assert row.result == {"output": [2**64 + 5], "events": []}
    body = row.bodies.get()
    assert row.transaction_id == row.hash == body.hash
    assert (row.sequence, probe.sequence()) == (before + 1, before + 1)
    assert row.ledger and row.consensus_at.endswith(".000000000")
    assert 100 < row.fee_units <= row.max_fee_units == 10_000_000
    assert (row.memo, body.node, body.sends) == ("", "soroban-rpc", 1)
    envelope = TransactionEnvelope.from_xdr(
        base64.b64encode(bytes(body.signed_bytes)).decode(), soroban.passphrase()
    )
    assert (envelope.hash().hex(), len(envelope.signatures)) == (row.transaction_id, 1)
    assert probe.arrows == [Status.SIGNED, Status.SUBMITTED, Status.SUCCEEDED]


def test_custody_signs_a_transaction_under_its_network(probe: StellarProbe) -> None:
    row = probe.until(probe.plan(), Status.SUCCEEDED)
    asked = next(
        document
        for document in probe.world.net.dfns.signatures()
        if row.bodies.filter(external_id=document["externalId"])
    )
    assert (asked["requestBody"]["kind"], asked["requestBody"]["network"]) == ("Transaction", "StellarLocal")
    assert bytes.fromhex(asked["requestBody"]["transaction"][2:]) == bytes(row.bodies.get().body)


def test_calls_of_one_source_take_turns_and_those_of_another_do_not_wait(probe: StellarProbe) -> None:
    other = investment(probe.world, stellar_wallet(probe.world, "second"))
    first, second, elsewhere = probe.plan(), probe.plan(), probe.plan(contract=other)

    with probe.pump.without("contracts.resolve_transaction"):
        probe.until(first, Status.SUBMITTED)
        probe.until(elsewhere, Status.SUBMITTED)
        probe.pump.beat()
    second.refresh_from_db()
    assert (second.status, second.sequence) == (Status.PLANNED, None)
    assert second.waiting_reason == f"{first} of the same source account comes first"

    for row in (first, second, elsewhere):
        probe.until(row, Status.SUCCEEDED)
    assert second.sequence == first.sequence + 1
    assert second.ledger > first.ledger


def test_what_the_contract_refuses_is_never_signed(probe: StellarProbe) -> None:
    probe.world.fault("soroban.trap", phase="simulate", code=2100)
    row = probe.until(probe.plan(), Status.FAILED)
    assert (row.error_class, row.transaction_id, row.sequence) == ("OwnerNotSet", None, None)
    assert probe.world.signatures_asked() == 0


def test_a_call_that_traps_in_its_ledger_has_failed_with_the_hosts_words(probe: StellarProbe) -> None:
    probe.world.fault("soroban.trap", phase="execute", code=1000)
    row = probe.until(probe.plan(), Status.FAILED)
    assert row.error_class == "EnforcedPause"
    assert "INVOKE_HOST_FUNCTION_TRAPPED" in row.error_text and "Error(Contract, #1000)" in row.error_text
    assert row.ledger and row.fee_units


def test_archived_state_is_named(probe: StellarProbe) -> None:
    probe.world.fault("soroban.archived")
    row = probe.until(probe.plan(), Status.FAILED)
    assert row.error_class == "RESTORE_NEEDED"
    assert probe.world.signatures_asked() == 0


def test_a_foreign_owner_would_have_to_sign_as_well(probe: StellarProbe) -> None:
    stranger = stellar_wallet(probe.world, "stranger")
    address = probe.world.control.do_create_investment(owner=stranger.account)["contract"]
    Contract.objects.filter(pk=probe.contract.pk).update(address=address)
    probe.contract.refresh_from_db()
    row = probe.until(probe.plan(), Status.FAILED)
    assert row.error_class == "FOREIGN_AUTH"


def test_a_fee_above_the_ceiling_is_not_paid(probe: StellarProbe, settings: Settings) -> None:
    settings.SOROBAN_MAX_FEE_STROOPS = 100
    row = probe.until(probe.plan(), Status.FAILED)
    assert row.error_class == "FEE_TOO_HIGH"


@pytest.mark.parametrize("fault", ["soroban.drop_reply", "soroban.duplicate"])
def test_a_doubtful_answer_is_looked_up_and_nothing_is_sent_twice(probe: StellarProbe, fault: str) -> None:
    probe.world.fault(fault, count=1)
    row = probe.until(probe.plan(), Status.SUCCEEDED)
    assert row.bodies.get().sends == 1
    assert probe.sequence() == row.sequence


def test_a_full_node_takes_the_same_bytes_later(probe: StellarProbe) -> None:
    probe.world.fault("soroban.try_again_later", count=1)
    row = probe.until(probe.plan(), Status.SUCCEEDED)
    assert row.bodies.get().sends == 2
    assert probe.sequence() == row.sequence


def test_a_used_sequence_number_fails_the_attempt_and_the_next_one_reads_it_anew(probe: StellarProbe) -> None:
    probe.world.fault("soroban.bad_seq", count=1)
    row = probe.until(probe.plan(), Status.FAILED)
    assert (row.error_class, row.bodies.get().sends) == ("txBAD_SEQ", 1)
    again = probe.until(probe.plan(), Status.SUCCEEDED)
    assert again.sequence == row.sequence


def test_a_refusal_of_bytes_that_may_have_been_taken_before_decides_nothing(probe: StellarProbe) -> None:
    """The first answer is lost; by the time the bytes go out again they are in a ledger, and are refused."""
    probe.world.fault("soroban.drop_reply", count=1)
    row = probe.submitted()
    probe.world.control.do_close_ledger()
    row.bodies.update(last_sent_at=clock.now() - timedelta(minutes=1))
    send_again(row)
    row.refresh_from_db()
    assert row.status == Status.SUBMITTED
    assert probe.until(row, Status.SUCCEEDED).bodies.get().sends == 2


def test_a_lost_call_is_sent_again_and_succeeds_once(probe: StellarProbe) -> None:
    probe.world.fault("soroban.lose", count=1)
    row = probe.until(probe.plan(), Status.SUCCEEDED)
    assert row.bodies.get().sends == 2
    assert probe.sequence() == row.sequence


def test_what_is_never_included_expires_by_proof(probe: StellarProbe) -> None:
    probe.world.advance(120)  # the node keeps ledgers from well before it is sent
    probe.world.fault("soroban.lose")
    row = probe.submitted()
    for _ in range(3):
        resolve_transaction(row.pk)
    row.refresh_from_db()
    assert row.status == Status.SUBMITTED

    probe.world.advance(row.valid_seconds + 10)
    row = probe.until(row, Status.EXPIRED)

    assert row.error_text == "ledgers closed after its time without it"
    probe.world.clear("soroban.lose")
    assert probe.until(probe.plan(), Status.SUCCEEDED).sequence == row.sequence


def test_a_lagging_node_proves_nothing(probe: StellarProbe) -> None:
    probe.world.fault("soroban.lose")
    row = probe.submitted()
    probe.world.advance(row.valid_seconds + 10)
    probe.world.fault("soroban.lag", ledgers=60, match="getTransaction")
    resolve_transaction(row.pk)
    row.refresh_from_db()
    assert row.status == Status.SUBMITTED
    probe.world.clear("soroban.lag")
    probe.until(row, Status.EXPIRED)


def test_an_unused_sequence_number_proves_absence_where_the_ledgers_are_gone(probe: StellarProbe) -> None:
    probe.world.fault("soroban.lose")
    row = probe.submitted()
    row.bodies.update(first_sent_at=clock.now() - timedelta(days=400))
    probe.world.advance(row.valid_seconds + 10)
    row = probe.until(row, Status.EXPIRED)
    assert row.error_text == "its sequence number was not used in its time"


def test_an_account_read_at_an_older_ledger_proves_nothing(probe: StellarProbe) -> None:
    probe.world.fault("soroban.lose")
    row = probe.submitted()
    row.bodies.update(first_sent_at=clock.now() - timedelta(days=400))
    probe.world.advance(row.valid_seconds + 10)
    probe.world.fault("soroban.lag", ledgers=30, match="getLedgerEntries")
    resolve_transaction(row.pk)
    row.refresh_from_db()
    assert row.status == Status.SUBMITTED and "ask another RPC" in row.waiting_reason
    probe.world.clear("soroban.lag")
    probe.until(row, Status.EXPIRED)


def test_a_closed_gate_asks_neither_network_nor_custody(probe: StellarProbe) -> None:
    row = probe.plan()
    probe.closed = "held: a question is open"
    sign_transaction(row.pk)
    row.refresh_from_db()
    assert (row.status, row.waiting_reason, row.transaction_id) == (Status.PLANNED, probe.closed, None)
    assert probe.world.signatures_asked() == 0


def test_a_stopped_wallet_signs_nothing_and_goes_on_when_it_is_started(probe: StellarProbe) -> None:
    row = probe.plan()
    stop_wallet(probe.contract.wallet, "a question is open", by="olivia")
    probe.pump.beat()
    row.refresh_from_db()
    assert (row.status, row.waiting_reason) == (Status.PLANNED, "the wallet is stopped: a question is open")
    start_wallet(Wallet.objects.get(pk=probe.contract.wallet_id), reason="answered", by="olivia")
    probe.until(row, Status.SUCCEEDED)


def test_a_wallet_whose_key_is_not_its_accounts_stops(probe: StellarProbe) -> None:
    Wallet.objects.filter(pk=probe.contract.wallet_id).update(account=Keypair.random().public_key)
    row = probe.plan()
    sign_transaction(row.pk)
    row.refresh_from_db()
    assert row.status == Status.PLANNED
    assert "register the wallet again" in row.waiting_reason
    assert Wallet.objects.get(pk=probe.contract.wallet_id).stopped_reason
    assert probe.world.signatures_asked() == 0


def test_an_approval_that_is_waited_for_and_comes(probe: StellarProbe) -> None:
    probe.world.fault("custody.approval", mode="pending")
    row = probe.plan()
    probe.pump.run(lambda: "WAITING" in probe.arrows)
    probe.world.clear("custody.approval")
    probe.world.control.do_approve()
    assert probe.until(row, Status.SUCCEEDED).custody_waiting_since is not None
    assert probe.world.signatures_asked() == 1


def test_an_approval_that_comes_too_late_is_never_sent(probe: StellarProbe) -> None:
    probe.world.fault("custody.approval", mode="pending")
    row = probe.plan()
    probe.pump.run(lambda: "WAITING" in probe.arrows)
    row.refresh_from_db()
    probe.world.advance(row.valid_seconds + 10)
    probe.world.control.do_approve()

    probe.until(row, Status.EXPIRED)

    assert (row.broadcast_started_at, row.error_text) == (
        None,
        "never sent, and the chain has passed its validity",
    )
    assert probe.sequence() == row.sequence - 1


def test_a_planned_call_that_nobody_waits_for_is_abandoned_unless_it_has_an_identity(
    probe: StellarProbe,
) -> None:
    row = probe.plan()
    assert abandon(row, reason="nobody waits for it")
    assert (row.status, row.error_class) == (Status.EXPIRED, "ABANDONED")
    sent = probe.submitted()
    assert not abandon(sent, reason="nobody waits for it")
    probe.until(sent, Status.SUCCEEDED)


def test_a_rpc_that_is_away_delays_and_loses_nothing(probe: StellarProbe, settings: Settings) -> None:
    settings.SOROBAN_TIMEOUT_SECONDS = 1
    probe.world.fault("soroban.down")
    row = probe.plan()
    sign_transaction(row.pk)
    row.refresh_from_db()
    assert row.status == Status.PLANNED and "does not answer" in row.waiting_reason
    probe.world.clear("soroban.down")
    probe.until(row, Status.SUCCEEDED)


def test_under_a_copy_of_the_database_nothing_is_planned(probe: StellarProbe, settings: Settings) -> None:
    probe.until(probe.plan(), Status.SUCCEEDED)
    settings.PAYDATE_INSTANCE_ID = "another"
    with pytest.raises(Waiting, match="another"):
        probe.plan()
