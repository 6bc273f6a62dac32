"""Many clients at once: one transaction of a source in a ledger, and none applied twice."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from stellar_sdk import Keypair, TransactionEnvelope

from tests.devnet.stellar_desk import Desk, desk


def test_the_same_bytes_sent_by_many_are_taken_once(tmp_path: Path) -> None:
    with desk(tmp_path) as made, ThreadPoolExecutor(8) as pool:
        envelope = made.signed()
        answers = [answer.status.value for answer in pool.map(made.send, [envelope] * 16)]
        assert sorted(answers) == ["DUPLICATE"] * 15 + ["PENDING"]
        made.network.close_ledger()
        assert made.rpc.get_transaction(envelope.hash_hex()).application_order == 1


def test_transactions_of_many_sources_share_a_ledger(tmp_path: Path) -> None:
    with desk(tmp_path) as made, ThreadPoolExecutor(4) as pool:
        sources = [Keypair.random() for _ in range(6)]
        for source in sources:
            made.operations.fund(source.public_key)
        envelopes = [signed_by(made, source) for source in sources]
        assert {answer.status.value for answer in pool.map(made.send, envelopes)} == {"PENDING"}
        ledger = made.network.close_ledger().sequence
        settled = [made.rpc.get_transaction(envelope.hash_hex()) for envelope in envelopes]
        assert {answer.ledger for answer in settled} == {ledger}
        assert sorted(answer.application_order or 0 for answer in settled) == [1, 2, 3, 4, 5, 6]


def signed_by(made: Desk, source: Keypair) -> TransactionEnvelope:
    call = made.call("decimals", contract=made.made["token"], source=source.public_key)
    call.sign(transaction_signer=source, force=True)
    assert call.built_transaction is not None
    return call.built_transaction
