"""Every recorded answer of the official server, compared whole: status, keys, wording, order and links."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from devnet.faults import FaultBoard
from devnet.mirror.server import MirrorServer
from devnet.mirror.text import to_ns
from tests.devnet.mirror_ledger import FIRST_NS, call_hash, sample_ledger
from tests.patience import PATIENCE

SAMPLES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "mirror_samples.json").read_text())
PUBLIC_TESTNET = 296


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    faults = FaultBoard()
    server = MirrorServer(sample_ledger(faults), faults, chain_id=PUBLIC_TESTNET)
    server.start()
    yield server.url
    server.stop()


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample["case"] for sample in SAMPLES])
def test_answers_as_the_official_server(url: str, sample: dict[str, Any]) -> None:
    answer = requests.get(url + sample["path"], timeout=PATIENCE)

    assert answer.status_code == sample["status"]
    body = answer.json()
    assert shortened(body, sample["body"]) == with_our_figures(sample["body"])
    assert key_order(body) == key_order(sample["body"])


def shortened(ours: Any, theirs: Any) -> Any:
    """Our answer with lists cut where the sample's lists were cut; "... 25 in all" counts the whole list."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return {key: shortened(value, theirs.get(key)) for key, value in ours.items()}
    if isinstance(ours, list) and isinstance(theirs, list):
        cut = bool(theirs) and isinstance(theirs[-1], str) and theirs[-1].endswith(" in all")
        kept = len(theirs) - 1 if cut else len(ours)
        rows = [
            shortened(row, theirs[place] if place < len(theirs) else None) for place, row in enumerate(ours)
        ]
        return rows[:kept] + ([f"... {len(ours)} in all"] if cut else [])
    return ours


def with_our_figures(theirs: Any) -> Any:
    """The recorded calls had two unrelated hashes, and gas consumed apart from charged; ours one each."""
    if isinstance(theirs, list):
        return [with_our_figures(row) for row in theirs]
    if not isinstance(theirs, dict):
        return theirs
    changed = {key: with_our_figures(value) for key, value in theirs.items()}
    if "gas_consumed" in changed:
        changed["gas_consumed"] = changed["gas_used"]
    if "consensus_timestamp" in changed:
        changed["transaction_hash"] = hash_text(changed["consensus_timestamp"])
    return changed


def hash_text(consensus_timestamp: str) -> str:
    number = (to_ns(consensus_timestamp) - FIRST_NS) * 2 // 1_000_000_000
    return base64.b64encode(call_hash(number)).decode()


def key_order(body: Any) -> Any:
    """The keys of objects in order, to the first element of each list."""
    if isinstance(body, dict):
        return [(key, key_order(value)) for key, value in body.items()]
    return key_order(body[0]) if isinstance(body, list) and body else None
