"""A call on Stellar that no RPC can prove absent holds up its source until two people declare it expired."""

from collections.abc import Iterator

import pytest

from contracts import gates
from contracts.models import ContractTransaction
from contracts.services.declaring import NotDeclared, declare_expired
from tests.contracts.test_stellar_calls import PURPOSE, StellarProbe
from tests.world import Pump, World

Status = ContractTransaction.Status
DAY = 24 * 3600


@pytest.fixture
def probe(world: World, pump: Pump) -> Iterator[StellarProbe]:
    probe = StellarProbe(world, pump)
    gates.register(PURPOSE, gate=lambda row: None, handler=lambda row, arrow: None)
    yield probe
    gates.forget(PURPOSE)


def test_two_people_end_it_after_a_day(probe: StellarProbe) -> None:
    probe.world.fault("soroban.lose")
    row = probe.submitted()
    probe.world.advance(600)
    with pytest.raises(NotDeclared, match="by the chain's time it can be declared expired in 23:5"):
        declare_expired(row, by="olivia", reason="it is nowhere")

    probe.world.advance(DAY)
    assert not declare_expired(row, by="olivia", reason="it is nowhere")
    assert declare_expired(row, by="ann", reason="nor did I find it")
    row.refresh_from_db()
    assert row.status == Status.EXPIRED


def test_one_that_is_in_a_ledger_is_not_declared(probe: StellarProbe) -> None:
    row = probe.submitted()
    probe.world.control.do_close_ledger()
    probe.world.advance(DAY + 600)
    with pytest.raises(NotDeclared, match="it is on chain"):
        declare_expired(row, by="olivia", reason="it is nowhere")


def test_an_rpc_that_does_not_answer_is_named(probe: StellarProbe) -> None:
    row = probe.submitted()
    probe.world.fault("soroban.down")
    with pytest.raises(NotDeclared, match="the Soroban RPC does not answer"):
        declare_expired(row, by="olivia", reason="it is nowhere")
