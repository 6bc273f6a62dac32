"""A call of Stellar whose signer has died stands before all others of its source, and for no longer than it must."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from pytest_django.fixtures import Settings

from contracts import clock, gates
from contracts.models import ContractTransaction
from tests.contracts.test_stellar_calls import PURPOSE, StellarProbe
from tests.world import Pump, World

Status = ContractTransaction.Status


@pytest.fixture
def probe(world: World, pump: Pump) -> Iterator[StellarProbe]:
    probe = StellarProbe(world, pump)
    gates.register(PURPOSE, gate=lambda row: None, handler=lambda row, arrow: None)
    yield probe
    gates.forget(PURPOSE)


def test_the_next_one_goes_on_when_a_ledger_has_closed_after_its_time(
    probe: StellarProbe, settings: Settings
) -> None:
    settings.EXPIRY_MARGIN_SECONDS = 90
    probe.until(probe.plan(), Status.SUCCEEDED)  # the wallet is verified
    probe.world.fault("custody.error_rate", status=503)
    dead, behind = probe.plan(), probe.plan()
    probe.pump.run(lambda: ContractTransaction.objects.open().exclude(sequence=None).exists())
    probe.world.advance(31)
    probe.pump.run(lambda: "too old to be signed" in _fresh(dead).waiting_reason)

    assert dead.next_attempt_at == clock.from_ns(dead.valid_until_ns)
    probe.world.clear("custody.error_rate")
    left = dead.next_attempt_at - clock.now()
    probe.world.advance(int(left / timedelta(seconds=1)) + 8)
    probe.until(behind, Status.SUCCEEDED)
    assert _fresh(dead).status == Status.EXPIRED
    assert behind.sequence == dead.sequence


def _fresh(row: ContractTransaction) -> ContractTransaction:
    row.refresh_from_db()
    return row
