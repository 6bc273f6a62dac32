"""The facts of the local Hedera as frozen values. All times are integer nanoseconds."""

from dataclasses import dataclass

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class LogEntry:
    address: str
    topics: tuple[str, ...]
    data: bytes
    index: int


@dataclass(frozen=True, slots=True)
class CallOutcome:
    to: str
    from_: str
    gas_limit: int
    gas_used: int
    parameters: bytes
    output: bytes
    error_message: str | None
    logs: tuple[LogEntry, ...]
    created_contracts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    consensus_ns: int
    transaction_id: str
    payer: str
    node: str
    name: str
    result: str
    hash: bytes
    memo: bytes
    valid_start_ns: int
    valid_seconds: int
    max_fee: int
    charged_fee: int
    entity_id: str | None = None
    nonce: int = 0
    transfers: tuple[tuple[str, int], ...] = ()
    token_transfers: tuple[tuple[str, str, int], ...] = ()
    call: CallOutcome | None = None
    block_number: int = 0
    index_in_block: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """A record file. Blocks touch (`from_ns` follows the last `to_ns`): an idle chain still shows time."""

    number: int
    from_ns: int
    to_ns: int
    hash: bytes
    previous_hash: bytes
    count: int
    gas_used: int
    name: str


@dataclass(frozen=True, slots=True)
class Account:
    """A hollow account (made from an alias, never used) has no key."""

    account: str
    evm_address: str
    key_type: str | None
    key_hex: str
    created_ns: int
    memo: str = ""
    deleted: bool = False

    @property
    def number(self) -> int:
        return int(self.account.rsplit(".", 1)[1])


@dataclass(frozen=True, slots=True)
class Contract:
    contract_id: str
    evm_address: str
    name: str
    created_ns: int
    runtime_code: bytes = b""
    memo: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """`keys` are raw public keys in hex: all of them sign a change, and without any nobody changes it."""

    file_id: str
    contents: bytes
    keys: tuple[str, ...]
    created_ns: int
    expires_ns: int


@dataclass(frozen=True, slots=True)
class Token:
    """A contract that is also listed as a token. `kind` is PAYMENT or ASSET."""

    token_id: str
    evm_address: str
    name: str
    symbol: str
    decimals: int
    kind: str
    treasury: str
    created_ns: int
    hts_like: bool = False

    @property
    def is_service_token(self) -> bool:
        """Whether it stands in for a token of the token service: payment tokens do, assets are contracts."""
        return self.kind == "PAYMENT" or self.hts_like


@dataclass(frozen=True, slots=True)
class TokenRelation:
    """Status words as the mirror uses them: (UN)FROZEN; GRANTED, REVOKED or NOT_APPLICABLE."""

    token_id: str
    account: str
    balance_units: int
    decimals: int
    freeze_status: str
    kyc_status: str
    created_ns: int


def evm_hex(text: str) -> str:
    """Lower-case 0x form."""
    text = text.lower()
    return text if text.startswith("0x") else "0x" + text


def long_zero(entity_id: str) -> str:
    return f"0x{int(entity_id.rsplit('.', 1)[1]):040x}"


def timestamp(ns: int) -> str:
    return f"{ns // NS}.{ns % NS:09d}"
