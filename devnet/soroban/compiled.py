"""The compiled contracts that the model knows: it runs them by their hash, in words of its own."""

import json
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "contracts" / "interfaces" / "soroban"


def code_of(name: str) -> bytes:
    """`investment` or `token`."""
    return (FOLDER / f"{name}.wasm").read_bytes()


def hash_of(name: str) -> bytes:
    return bytes.fromhex(json.loads((FOLDER / f"{name}.json").read_text())["wasmHash"])
