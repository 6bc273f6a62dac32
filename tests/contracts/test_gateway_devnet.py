"""Both gateways together against the local network: what was built, signed and sent is read back."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from hiero_sdk_python import PrivateKey
from pytest_django import Settings

from contracts.abi import interface
from contracts.gateways import hedera, nodes
from contracts.gateways.errors import OutcomeUnknown, Refused, Reverted
from contracts.gateways.mirror import Mirror, TransactionRecord, mirror, to_ns, to_text
from tests.devnet.local_chain import Setting, prepared, running, wait_for

T = TypeVar("T")
LCCF = interface("lccf", "1.1")
ASSET = interface("ats", "7")


@pytest.fixture(scope="module", params=["ED25519", "SECP256K1"])
def chain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    make = PrivateKey.generate_ed25519 if request.param == "ED25519" else PrivateKey.generate_ecdsa
    with (
        running(tmp_path_factory.mktemp("devnet")) as devnet,
        prepared(devnet, make(), holders=120) as setting,
    ):
        yield setting


@pytest.fixture(autouse=True)
def point(chain: Setting, settings: Settings) -> None:
    for name in ("HEDERA_NETWORK", "HEDERA_MIRROR_URL", "HEDERA_NODES"):
        setattr(settings, name, chain.devnet.env()[name])


def spec(chain: Setting, data: bytes, **changes: Any) -> hedera.CallSpec:
    call = hedera.CallSpec(
        payer=chain.payer,
        contract=chain.payout,
        call_data=data,
        gas=15_000_000,
        max_fee_tinybars=20 * 100_000_000,
        memo="pd1:test:batch:1:1",
        valid_start_ns=chain.fresh_start(),
        valid_seconds=120,
    )
    return replace(call, **changes)


def sign(chain: Setting, body: bytes) -> hedera.SignedTransaction:
    key = chain.key
    public = key.public_key().to_bytes_raw()
    scheme: hedera.Scheme = "ED25519" if key.is_ed25519() else "SECP256K1"
    return hedera.assemble(body, scheme=scheme, public_key=public, signature=key.sign(body))


def settled(transaction_id: str) -> TransactionRecord:
    records: tuple[TransactionRecord, ...] = wait_for(lambda: mirror().transaction(transaction_id))
    return records[0]


def eventually(ask: Callable[[Mirror], T | None]) -> T:
    found: T = wait_for(lambda: ask(mirror()))
    return found


def payout_data(chain: Setting, holders: list[str]) -> bytes:
    asset = chain.ids["asset"]["evm_address"]
    return LCCF.encode("executeAmountSnapshotByAddresses", [asset, chain.snapshot(), holders, 1_000_000])


def test_a_payout_is_sent_found_by_its_hash_and_read_from_its_event(chain: Setting) -> None:
    holders = chain.holders[:20]
    call = spec(chain, payout_data(chain, holders))
    signed = sign(chain, hedera.build_call(call, node="0.0.4"))
    transaction_id = hedera.transaction_id_text(call.payer, call.valid_start_ns)
    assert mirror().transaction(transaction_id) == ()

    hedera.broadcast(signed.raw, node="0.0.4")

    record = settled(transaction_id)
    assert (record.hash, record.result, record.nonce) == (signed.hash, "SUCCESS", 0)
    assert (record.memo, record.node, record.payer) == (b"pd1:test:batch:1:1", "0.0.4", call.payer)
    assert (record.valid_start_ns, record.entity_id) == (call.valid_start_ns, chain.payout)
    result = eventually(lambda found: found.contract_result(transaction_id))
    assert result.is_final
    assert result.hash == signed.hash[:32]
    events = [LCCF.decode_log(log.topics, log.data) for log in result.logs]
    (event,) = (found for found in events if found)
    assert event.name == "AmountSnapshotByAddressesExecuted"
    assert event.args["holders"] == tuple(holder.lower() for holder in holders)
    assert sum(event.args["paidAmount"]) > 0
    assert eventually(lambda found: found.newest_consensus_ns() >= record.consensus_ns)


def test_a_second_sending_is_an_unknown_outcome_and_runs_once(chain: Setting) -> None:
    call = spec(chain, payout_data(chain, chain.holders[20:25]))
    signed = [sign(chain, hedera.build_call(call, node=node)) for node in ("0.0.3", "0.0.5")]
    transaction_id = hedera.transaction_id_text(call.payer, call.valid_start_ns)
    hedera.broadcast(signed[0].raw, node="0.0.3")
    assert settled(transaction_id).hash == signed[0].hash
    for again, node in ((signed[0], "0.0.3"), (signed[1], "0.0.5")):
        with pytest.raises(OutcomeUnknown) as caught:
            hedera.broadcast(again.raw, node=node)
        assert caught.value.code == "DUPLICATE_TRANSACTION"
    assert len(mirror().transaction(transaction_id)) == 1


def test_a_transfer_to_itself_is_accepted_and_appears_in_the_payers_list(chain: Setting) -> None:
    envelope = spec(chain, b"", memo="pd1:test:proof:1:1").envelope
    signed = sign(chain, hedera.build_transfer(envelope, node="0.0.3"))
    hedera.broadcast(signed.raw, node="0.0.3")
    record = settled(hedera.transaction_id_text(envelope.payer, envelope.valid_start_ns))
    listed = list(mirror().account_transactions(chain.payer, since_ns=record.consensus_ns))
    assert (record.name, record.result, record.hash) == ("CRYPTOTRANSFER", "SUCCESS", signed.hash)
    assert record in listed
    assert record in tuple(
        mirror().account_transactions(chain.payer, until_ns=record.consensus_ns, order="desc")
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"valid_start_ns": 1_700_000_000_000_000_000}, "TRANSACTION_EXPIRED"),
        ({"valid_start_ns": 4_000_000_000_000_000_000}, "INVALID_TRANSACTION_START"),
        ({"max_fee_tinybars": 1}, "INSUFFICIENT_TX_FEE"),
    ],
)
def test_what_the_node_refuses_is_final(chain: Setting, change: dict[str, int], code: str) -> None:
    call = spec(chain, payout_data(chain, chain.holders[25:26]), **change)
    with pytest.raises(Refused) as caught:
        hedera.broadcast(sign(chain, hedera.build_call(call, node="0.0.3")).raw, node="0.0.3")
    assert caught.value.code == code


def test_another_keys_signature_is_refused(chain: Setting) -> None:
    body = hedera.build_call(spec(chain, payout_data(chain, chain.holders[26:27])), node="0.0.3")
    other = PrivateKey.generate_ed25519()
    public = other.public_key().to_bytes_raw()
    signed = hedera.assemble(body, scheme="ED25519", public_key=public, signature=other.sign(body))
    with pytest.raises(Refused) as caught:
        hedera.broadcast(signed.raw, node="0.0.3")
    assert caught.value.code == "INVALID_SIGNATURE"


def test_views_are_read_now_and_at_a_block(chain: Setting) -> None:
    asset, payout = (chain.ids[name]["evm_address"] for name in ("asset", "payout_contract"))
    snapshot = chain.snapshot()
    wanted = ASSET.encode("getTotalTokenHoldersAtSnapshot", [snapshot])

    def count(found: Mirror) -> int | None:
        try:
            answer = found.call(asset, wanted)
        except Reverted:  # this mirror node has not heard of the snapshot yet
            return None
        return int(ASSET.decode_output("getTotalTokenHoldersAtSnapshot", answer)[0])

    assert eventually(count) == 120
    block = mirror().newest_block().number
    paused = mirror().call(payout, LCCF.encode("isPaused", []), block=block)
    assert LCCF.decode_output("isPaused", paused) == (False,)


def test_a_view_that_reverts_is_told_in_words(chain: Setting) -> None:
    payout = chain.ids["payout_contract"]["evm_address"]
    stranger = "0x" + "77" * 20
    with pytest.raises(Reverted) as caught:
        mirror().call(payout, LCCF.encode("transferPaymentToken", [stranger, 1]), sender=stranger)
    error = LCCF.decode_error(caught.value.data)
    assert error is not None
    assert error.text == "the wallet lacks the role TRANSFERER on the payout contract"


def test_logs_are_complete_over_pages_and_by_topic(chain: Setting) -> None:
    token = chain.ids["payment_token"]["id"]
    call = spec(chain, payout_data(chain, chain.holders))
    hedera.broadcast(sign(chain, hedera.build_call(call, node="0.0.3")).raw, node="0.0.3")
    record = settled(hedera.transaction_id_text(call.payer, call.valid_start_ns))
    result = eventually(lambda found: found.contract_result(record.transaction_id))
    paid = [log.index for log in result.logs if log.contract_id == token]
    start, end = to_text(call.valid_start_ns), record.consensus_at
    logs = [log for log in mirror().logs(token, since=start, until=end) if log.consensus_at == end]
    topic = interface("erc20", "1").topic0("Transfer")
    by_topic = list(mirror().logs(token, since=end, until=end, topics0=[topic]))
    assert len(paid) > 100
    assert [log.index for log in logs] == paid
    assert by_topic == logs
    assert all(to_ns(log.consensus_at) == record.consensus_ns for log in logs)


def test_who_and_what_is_on_chain(chain: Setting) -> None:
    found = mirror()
    payer = found.account(chain.payer)
    contract = found.contract(chain.ids["payout_contract"]["evm_address"])
    token = found.token(chain.ids["payment_token"]["id"])
    assert payer is not None
    assert payer.key_hex == chain.key.public_key().to_bytes_raw().hex()
    assert payer.balance_tinybars is not None
    assert contract is not None
    assert contract.contract_id == chain.payout
    assert token is not None
    assert (token.symbol, token.decimals) == ("USDC", 6)
    held = found.account_token(chain.holders[0], token.token_id)
    assert held is not None
    assert (held.token_id, held.freeze_status) == (token.token_id, "UNFROZEN")


def test_the_address_book_names_the_nodes(chain: Setting) -> None:
    book = {entry.account: entry.port for entry in mirror().address_book()}
    assert book == {account: node.port for account, node in nodes.known_nodes().items()}
    assert hedera.nodes() == ("0.0.3", "0.0.4", "0.0.5")
