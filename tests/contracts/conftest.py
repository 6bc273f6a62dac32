"""A purpose of its own for tests of the sending protocol: one call, a gate to close, and who was told what."""

from collections.abc import Iterator

import pytest

from contracts import gates
from tests.contracts.probe import PURPOSE, Probe
from tests.world import Pump, World


@pytest.fixture
def probe(world: World, pump: Pump) -> Iterator[Probe]:
    probe = Probe(world.spare_asset(), pump)
    gates.register(PURPOSE, gate=probe.why_not, handler=probe.on_arrow, origin=probe.origin)
    world.net.dfns.forget_requests()
    yield probe
    gates.forget(PURPOSE)
