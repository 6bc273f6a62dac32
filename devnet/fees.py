"""What a transaction costs on the local Hedera: a plausible rate, and the gas table under the EVM's count."""

from collections.abc import Collection
from dataclasses import dataclass

from devnet.evm import Outcome
from devnet.faults import FaultBoard

TRANSFER_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
HBAR = 100_000_000
# $0.0000000852 a gas, $0.0001 a transfer and $0.05 a file or a part of one, at $0.12 an HBAR.
TINYBARS_PER_GAS = 71
TRANSFER_FEE = 83_334
FILE_FEE = 41_666_667
QUERY_FEE = 83_334
MAX_GAS = 15_000_000
MAX_CHILD_RECORDS = 50
# One transfer and one balance read through the token service for every holder that is paid.
CHILD_RECORDS_PER_TRANSFER = 2


@dataclass(frozen=True, slots=True)
class GasTable:
    """The least a call needs, whatever the EVM counts: `base` plus `per_transfer` for each Transfer log.

    45,000 is about what a paid holder costs on chain; the fault `consensus.gas` sets other figures.
    """

    base: int = 21_000
    per_transfer: int = 45_000

    @classmethod
    def of(cls, faults: FaultBoard) -> "GasTable":
        params = faults.peek("consensus.gas") or {}
        return cls(int(params.get("base", cls().base)), int(params.get("per_transfer", cls().per_transfer)))

    def needed(self, outcome: Outcome) -> int:
        return max(outcome.gas_used, self.base + self.per_transfer * count_transfers(outcome))


def count_transfers(outcome: Outcome, tokens: Collection[str] | None = None) -> int:
    """Transfer logs, of these token addresses only when given."""
    return sum(
        log.topics[:1] == (TRANSFER_TOPIC,) and (tokens is None or log.address in tokens)
        for log in outcome.logs
    )


def child_records(outcome: Outcome, hts_like: Collection[str]) -> int:
    """An approximation: the EVM shows no reads, so each transfer of a token marked HTS-like counts as two."""
    return CHILD_RECORDS_PER_TRANSFER * count_transfers(outcome, hts_like)


def intrinsic_gas(data: bytes) -> int:
    zeros = data.count(0)
    return 21_000 + 4 * zeros + 16 * (len(data) - zeros)
