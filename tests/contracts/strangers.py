"""Somebody else with the key of our wallet: another system, or a copy of this one."""

import secrets

from contracts import abi, clock
from contracts.custody.base import custodian
from contracts.gateways import hedera
from contracts.models import Wallet
from tests.contracts.probe import Probe

FEE = 2_000_000_000


def send_transfer(probe: Probe, memo: str, *, start_ns: int | None = None) -> str:
    """Moves a tinybar of the wallet to itself; returns the transaction's id once it is on chain."""
    envelope = hedera.Envelope(_wallet(probe).account, FEE, memo, start_ns or _start(), 120)
    return _send(probe, hedera.build_transfer(envelope, node=hedera.nodes()[0]), envelope.valid_start_ns)


def send_call(probe: Probe, memo: str, *, start_ns: int | None = None, gas: int = 2_000_000) -> str:
    """The same call that the probe plans; returns the transaction's id once it is on chain."""
    asset, wallet = probe.setting.asset, _wallet(probe)
    spec = hedera.CallSpec(
        payer=wallet.account,
        contract=asset.address,
        call_data=abi.interface("ats", asset.interface_version).encode("takeSnapshot", []),
        gas=gas,
        max_fee_tinybars=FEE,
        memo=memo,
        valid_start_ns=start_ns or _start(),
        valid_seconds=120,
    )
    return _send(probe, hedera.build_call(spec, node=hedera.nodes()[0]), spec.valid_start_ns)


def _wallet(probe: Probe) -> Wallet:
    return probe.setting.asset.payout_contract.wallet


def _start() -> int:
    return clock.now_ns() - 5 * clock.NANOSECONDS


def _send(probe: Probe, body: bytes, start_ns: int) -> str:
    wallet = _wallet(probe)
    answer = custodian("DFNS").sign(
        key_id=wallet.custody_key_id,
        scheme="SECP256K1",
        body=body,
        external_id=f"theirs-{secrets.token_hex(8)}",
        network=wallet.network,
    )
    key = bytes.fromhex(wallet.public_key)
    signed = hedera.assemble(body, scheme="SECP256K1", public_key=key, signature=answer.signature or b"")
    hedera.broadcast(signed.raw, node=hedera.nodes()[0])
    transaction_id = hedera.transaction_id_text(wallet.account, start_ns)
    probe.world.wait_for(transaction_id)
    return transaction_id
