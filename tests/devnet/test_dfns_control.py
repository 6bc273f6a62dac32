"""Custody through the whole devnet: its settings, its control address, and bytes Paydate itself builds."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.custody.base import verify
from contracts.custody.dfns import DfnsCustodian
from contracts.gateways import hedera
from contracts.gateways.errors import Throttled
from devnet.client import DevnetClient
from devnet.runtime import Devnet
from tests.devnet.custody_office import config_of


@pytest.fixture
def devnet(tmp_path: Path) -> Iterator[Devnet]:
    running = Devnet(tmp_path)
    running.start()
    yield running
    running.stop()


def test_an_approval_over_the_control_address_gives_a_signature_that_can_be_sent(devnet: Devnet) -> None:
    control = DevnetClient.of(devnet.state_dir)
    payer = control.wallet()
    env = devnet.env()
    custodian = DfnsCustodian(config_of(env))
    facts = custodian.describe(env["DFNS_WALLET_ID"])
    assert facts.account == payer["account"]
    body = _body(payer["account"])
    control.fault("custody.approval", {"mode": "pending"}, match="batch:1")
    waiting = custodian.sign(
        key_id=facts.custody_key_id,
        scheme=facts.scheme,
        body=body,
        external_id="batch:1",
        network="hedera-local",
    )
    assert [item["id"] for item in control.pending()] == [waiting.reference]
    assert control.approve() == [waiting.reference]
    signature = custodian.fetch(key_id=facts.custody_key_id, reference=waiting.reference).signature
    custodian.close()
    assert signature is not None
    public_key = bytes.fromhex(facts.public_key)
    assert verify(facts.scheme, public_key, body, signature)
    assert hedera.assemble(body, scheme="SECP256K1", public_key=public_key, signature=signature).raw
    assert [item["external_id"] for item in control.custody_requests(forget=True)].count("batch:1") == 1
    assert control.custody_requests() == []


def test_the_rate_limit_is_read_over_the_control_address(devnet: Devnet) -> None:
    control = DevnetClient.of(devnet.state_dir)
    control.fault("custody.rate_limit", {"requests": 1})
    env = devnet.env()
    custodian = DfnsCustodian(config_of(env))
    begin = time.monotonic()

    custodian.describe(env["DFNS_WALLET_ID"])
    with pytest.raises(Throttled):
        custodian.describe(env["DFNS_WALLET_ID"])

    custodian.close()
    traffic = control.custody_traffic(forget=True)
    assert (traffic["requests"], traffic["refused"]) == (2, 1)
    assert all(begin < moment < time.monotonic() for moment in traffic["times"])
    assert control.custody_traffic()["requests"] == 0


def _body(payer: str) -> bytes:
    envelope = hedera.Envelope(
        payer=payer,
        max_fee_tinybars=100_000_000,
        memo="pd1:test:batch:1",
        valid_start_ns=time.time_ns() - 8_000_000_000,
        valid_seconds=120,
    )
    return hedera.build_transfer(envelope, node="0.0.3")
