"""From SIGNED to SUBMITTED: sent once, any doubt counts as sent, a second node only when the first was away."""

import pytest

from contracts import clock
from contracts.gateways import hedera
from contracts.models import ContractTransaction
from contracts.services.sending import send
from contracts.services.signing import sign_transaction
from tests.contracts.probe import SIGNATURES, Probe, Status


def signed(probe: Probe) -> ContractTransaction:
    """Signed, and kept from its first send by the gate."""
    row = probe.plan()
    probe.world.fault("custody.approval", count=1, match=SIGNATURES, mode="pending")
    probe.until_waiting(row, "custody waits for approval")
    probe.world.control.do_approve()
    probe.closed = "held for the test"
    probe.until_waiting(row, "held for the test")
    assert row.status == Status.SIGNED
    return row


def first_node(row: ContractTransaction) -> str:
    nodes = hedera.nodes()
    return nodes[row.pk % len(nodes)]


def test_a_gate_closed_before_the_first_send_keeps_the_signed_bytes_here(probe: Probe) -> None:
    row = signed(probe)
    assert row.broadcast_started_at is None
    assert row.bodies.get().sends == 0

    probe.closed = None
    probe.until(row, Status.SUCCEEDED)

    assert len(probe.executed(row)) == 1


def test_a_gate_closed_after_the_first_send_stops_nothing(probe: Probe) -> None:
    probe.world.fault("consensus.drop_reply", count=1)
    row = probe.submitted()

    probe.closed = "held for the test"

    probe.until(row, Status.SUCCEEDED)


def test_a_hold_of_a_day_costs_the_signed_attempt_and_nothing_else(probe: Probe) -> None:
    row = signed(probe)
    probe.world.advance(86_400)
    probe.until(row, Status.EXPIRED)

    assert row.error_text == "never sent, and the chain has passed its validity"
    probe.closed = None
    assert probe.until(probe.plan(row.subject), Status.SUCCEEDED).attempt == 2
    assert len(probe.executed(row)) == 1


def test_a_reply_lost_after_acceptance_is_settled_from_the_chain(probe: Probe) -> None:
    probe.world.fault("consensus.drop_reply", count=1)
    row = probe.until(probe.plan(), Status.SUCCEEDED)

    assert (row.attempt, row.bodies.count(), row.bodies.get().sends) == (1, 1, 1)
    assert len(probe.executed(row)) == 1


def test_a_request_lost_before_acceptance_is_sent_again_with_the_same_bytes(probe: Probe) -> None:
    probe.world.fault("consensus.drop_request", count=1)
    row = probe.until(probe.plan(), Status.SUCCEEDED)

    body = row.bodies.get()
    assert (row.attempt, body.sends) == (1, 2)
    assert body.last_sent_at is not None and body.first_sent_at is not None
    assert (body.last_sent_at - body.first_sent_at).total_seconds() >= 10
    assert [record.hash.hex() for record in probe.executed(row)] == [body.hash]
    assert probe.world.signatures_asked() == 1


def test_a_node_that_is_down_hands_over_to_a_second_nodes_body_with_the_same_id(probe: Probe) -> None:
    row = probe.plan()
    probe.world.fault("consensus.node_down", node=first_node(row))
    probe.until(row, Status.SUCCEEDED)

    first, second = row.bodies.order_by("pk")
    assert first.node != second.node
    assert (first.sends, second.sends) == (1, 1)
    (record,) = probe.executed(row)
    assert (record.node, record.hash.hex(), record.transaction_id) == (
        second.node,
        second.hash,
        row.transaction_id,
    )
    assert row.hash == second.hash


def test_a_busy_node_hands_over_as_well(probe: Probe) -> None:
    row = probe.plan()
    probe.world.fault("consensus.busy", node=first_node(row))
    probe.until(row, Status.SUCCEEDED)

    assert row.bodies.count() == 2
    assert len(probe.executed(row)) == 1


def test_a_second_body_is_not_built_before_the_first_node_was_away(probe: Probe) -> None:
    row = probe.until(probe.plan(), Status.SUCCEEDED)

    assert row.bodies.count() == 1
    assert probe.world.signatures_asked() == 1


def test_at_most_three_bodies_are_made_and_the_row_waits_for_the_chain(probe: Probe) -> None:
    for node in hedera.nodes():
        probe.world.fault("consensus.node_down", node=node)
    row = probe.submitted()

    assert row.bodies.count() == 3
    assert probe.world.signatures_asked() == 3
    assert len({body.node for body in row.bodies.all()}) == 3
    probe.until_waiting(row, "no node has taken it")
    probe.world.clear("consensus.node_down")
    probe.until(row, Status.SUCCEEDED)
    assert len(probe.executed(row)) == 1


def test_an_old_body_gets_no_sibling_from_custody(probe: Probe) -> None:
    """What custody would sign now for the other node is older than 30 s as well."""
    row = signed(probe)
    probe.world.advance(40)
    asked = probe.world.signatures_asked()
    probe.world.fault("consensus.node_down", node=row.bodies.get().node)
    probe.closed = None
    with probe.pump.without("contracts.resolve_transaction", "contracts.resolve_sent"):
        probe.until(row, Status.SUBMITTED)

    assert (row.bodies.count(), probe.world.signatures_asked()) == (1, asked)
    probe.world.clear("consensus.node_down")
    probe.until(row, Status.SUCCEEDED)


def test_a_precheck_refusal_of_the_only_send_fails_the_row(probe: Probe) -> None:
    row = probe.until(probe.plan(gas=20_000), Status.FAILED)

    assert row.error_class == "INSUFFICIENT_GAS"
    assert "the node refused it" in row.error_text
    assert not probe.executed(row)


def test_a_precheck_refusal_after_an_earlier_send_leaves_the_row_to_the_chain(probe: Probe) -> None:
    """The first node may have accepted what the second one refuses."""
    row = probe.plan(gas=20_000)
    probe.world.fault("consensus.node_down", node=first_node(row))
    with probe.pump.without("contracts.resolve_transaction", "contracts.resolve_sent"):
        probe.until(row, Status.SUBMITTED)

    assert [body.sends for body in row.bodies.order_by("pk")] == [1, 1]
    probe.pass_validity(row)
    probe.world.clear("consensus.node_down")
    probe.until(row, Status.EXPIRED)


@pytest.mark.parametrize("seconds", [-30, 200])
def test_a_chain_whose_clock_differs_refuses_and_nothing_was_executed(probe: Probe, seconds: int) -> None:
    probe.world.fault("clock.chain_offset", seconds=seconds)
    row = probe.until(probe.plan(), Status.FAILED)

    assert row.error_class == ("INVALID_TRANSACTION_START" if seconds < 0 else "TRANSACTION_EXPIRED")
    probe.world.clear("clock.chain_offset")
    probe.world.advance(max(seconds, 0))  # consensus time never goes back: ours has to come up to it
    assert probe.until(probe.plan(row.subject), Status.SUCCEEDED).attempt == 2
    assert len(probe.executed(row)) == 1


def test_of_two_who_may_start_one_sends(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    row = signed(probe)
    probe.closed = None
    sent: list[str] = []
    monkeypatch.setattr(hedera, "broadcast", lambda raw, node: sent.append(node))
    mine, theirs = (ContractTransaction.objects.get(pk=row.pk) for _ in range(2))

    send(mine, sign_for_node=lambda *_: None)
    send(theirs, sign_for_node=lambda *_: None)

    assert len(sent) == 1
    assert row.bodies.get().sends == 1


def test_a_row_whose_broadcast_had_begun_is_only_looked_up(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signer died between its mark and the sending: the chain is asked, and the bytes go out after a pause."""
    row = signed(probe)
    probe.closed = None
    ContractTransaction.objects.filter(pk=row.pk).update(broadcast_started_at=clock.now())
    sent: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(hedera, "broadcast", lambda raw, node: sent.append(node))
        sign_transaction(row.pk)

    row.refresh_from_db()
    assert (row.status, sent) == (Status.SUBMITTED, [])
    probe.until(row, Status.SUCCEEDED)
    assert len(probe.executed(row)) == 1
