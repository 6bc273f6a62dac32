"""Soroban by its RPC: reading a contract by simulation, the exact bytes of a signed call, and one sending of them.

Bodies, XDR and requests are made by stellar-sdk. Left to the SDK are neither the repetition of a POST (it repeats
sendTransaction, too) nor its `submit`, for which "known already" and "try later" are failures.

A simulation costs nothing and proves no authority: `require_auth` is only recorded in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from django.conf import settings
from stellar_sdk import (
    Account,
    Address,
    DecoratedSignature,
    InvokeHostFunction,
    Keypair,
    Network,
    TransactionBuilder,
    TransactionEnvelope,
    scval,
    xdr,
)
from stellar_sdk.exceptions import AccountNotFoundException
from stellar_sdk.soroban_rpc import SendTransactionStatus, SimulateTransactionResponse

from contracts.gateways.errors import Busy, OutcomeUnknown, Refused, Unavailable
from contracts.gateways.soroban_errors import contract_failure
from contracts.gateways.soroban_outcomes import result_code
from contracts.gateways.soroban_rpc import ask, parsed, server
from contracts.gateways.soroban_work import Creation, Extension, Restoration, Upload

PASSPHRASES = {
    "public": Network.PUBLIC_NETWORK_PASSPHRASE,
    "testnet": Network.TESTNET_NETWORK_PASSPHRASE,
    "futurenet": Network.FUTURENET_NETWORK_PASSPHRASE,
    "local": Network.STANDALONE_NETWORK_PASSPHRASE,
}
# Any account will do for a simulation; this one needs no request to learn its sequence.
_NOBODY = "GAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWHF"
_BASE_FEE = 100
_DAY_LEDGERS = 17_280


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the contract `C...`; arguments as SCVal."""

    contract: str
    function: str
    arguments: tuple[xdr.SCVal, ...] = ()

    def add_to(self, builder: TransactionBuilder) -> None:
        builder.append_invoke_contract_function_op(self.contract, self.function, list(self.arguments))


# What one transaction does.
Work = Call | Upload | Creation | Extension | Restoration


@dataclass(frozen=True, slots=True)
class Answer:
    """What a simulation says, as of a ledger. With `needs_restore` a call would have to restore archived state."""

    value: xdr.SCVal
    ledger: int
    needs_restore: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """An unsigned envelope. `hash` is what is signed, and by which the network knows the transaction."""

    raw: bytes
    hash: bytes
    fee_stroops: int
    ledger: int


@dataclass(frozen=True, slots=True)
class Life:
    """Of a contract's instance and code: the ledger through which both live."""

    live_until: int
    ledger: int

    @property
    def is_archived(self) -> bool:
        return self.live_until < self.ledger

    @property
    def days_left(self) -> int:
        """At the network's five seconds a ledger; 0 when archived."""
        return max(0, self.live_until - self.ledger) // _DAY_LEDGERS


@dataclass(frozen=True, slots=True)
class ReserveAnswer:
    """Missing base units as of a ledger; 0 when the reserve covers what is due."""

    units: int
    ledger: int
    needs_restore: bool


def passphrase() -> str:
    return PASSPHRASES[settings.STELLAR_NETWORK]


def check_network() -> None:
    """Raises Refused when the RPC serves another network than STELLAR_NETWORK, Unavailable when it does not answer."""
    found = ask(lambda: server().get_network()).passphrase
    if found != passphrase():
        names = {words: name for name, words in PASSPHRASES.items()}
        raise Refused(
            f"SOROBAN_RPC_URL serves {names.get(found, repr(found))}, STELLAR_NETWORK is {settings.STELLAR_NETWORK}",
            code="WRONG_NETWORK",
        )


def simulate(call: Call, *, source: str = _NOBODY) -> Answer:
    """Asks the contract without a transaction. Raises ContractFailed when it refuses, Unavailable, Refused."""
    return _answer(_simulate(_question(call, source), call))


def simulate_as(source: str, call: Call) -> tuple[Answer, tuple[str, ...]]:
    """As `simulate`, and whose word a call by `source` would need, that account or other addresses G... and C...."""
    simulation = _simulate(_question(call, source), call)
    asked = parsed(lambda: tuple(_whose(entry, source) for entry in _auth_entries(simulation)))
    return _answer(simulation), asked


def prepare(work: Work, *, source: str, sequence: int, ends_at: int, begins_at: int = 0) -> Prepared:
    """The bytes to be stored and signed: `sequence` is the source's present one, times are Unix seconds (0: at once).

    Raises ContractFailed when the work would fail, Refused with code RESTORE_NEEDED for archived state,
    FEE_TOO_HIGH above SOROBAN_MAX_FEE_STROOPS, or SOROBAN_MAX_RENT_FEE_STROOPS for what is no call, FOREIGN_AUTH when
    somebody else would have to sign as well.
    """
    envelope = _envelope(work, Account(source, sequence), lifetime=(begins_at, ends_at))
    simulation = _simulate(envelope, work)
    if simulation.restore_preamble is not None:
        raise Refused(
            f"state of {work.contract} is archived; restore its footprint before it is called",
            code="RESTORE_NEEDED",
        )
    entries = _auth_entries(simulation)
    if any(_is_foreign(entry) for entry in entries):
        raise Refused(
            f"{work.function} of {work.contract} wants the signature of another account than {source}",
            code="FOREIGN_AUTH",
        )
    _assemble(envelope, simulation, entries)
    _check_fee(envelope.transaction.fee, work)
    return Prepared(
        envelope.to_xdr_object().to_xdr_bytes(),
        envelope.hash(),
        envelope.transaction.fee,
        simulation.latest_ledger,
    )


def _check_fee(stroops: int, work: Work) -> None:
    """Rent for code and entries costs more than any call."""
    name = "SOROBAN_MAX_FEE_STROOPS" if isinstance(work, Call) else "SOROBAN_MAX_RENT_FEE_STROOPS"
    most = getattr(settings, name)
    if stroops > most:
        raise Refused(f"the network asks {stroops:,} stroops, {name} allows {most:,}", code="FEE_TOO_HIGH")


def assemble(raw: bytes, *, account: str, signature: bytes) -> bytes:
    """The stored envelope with its signature. ValueError when the signature is not the account's for these bytes."""
    envelope = _read(raw)
    key = Keypair.from_public_key(account)
    try:
        key.verify(envelope.hash(), signature)
    except Exception as error:
        raise ValueError(f"this signature is not {account}'s for these bytes") from error
    envelope.signatures = [DecoratedSignature(key.signature_hint(), signature)]
    return envelope.to_xdr_object().to_xdr_bytes()


def hash_of(raw: bytes) -> bytes:
    """By which the network knows this envelope, signed or not."""
    return _read(raw).hash()


def arguments_of(texts: Sequence[str]) -> tuple[xdr.SCVal, ...]:
    """Arguments as a row of the book keeps them: each a value as base64 XDR. ValueError for anything else."""
    try:
        return tuple(xdr.SCVal.from_xdr(text) for text in texts)
    except Exception as error:  # XDR of another kind fails in every way there is
        raise ValueError(f"an argument is no value of Soroban: {error}") from error


def broadcast(raw: bytes) -> None:
    """Sends the stored bytes once. Returns when they wait for a ledger, also when they did so already.

    Raises Busy when the node has no room now, Refused with the network's code (txBAD_SEQ, ...) when it is final,
    OutcomeUnknown in all other cases.
    """
    envelope = _read(raw)
    try:
        answer = ask(lambda: server().send_transaction(envelope))
    except Unavailable as error:
        # A request that failed may have been accepted, unless the node said itself that it took nothing.
        if error.status == 429:
            raise
        raise OutcomeUnknown(error.text, code=error.code, status=error.status) from error
    if answer.status in (SendTransactionStatus.PENDING, SendTransactionStatus.DUPLICATE):
        return
    if answer.status == SendTransactionStatus.TRY_AGAIN_LATER:
        raise Busy("the Soroban RPC has no room for it now", code="TRY_AGAIN_LATER")
    code = result_code(answer.error_result_xdr)
    raise Refused(f"the network refused it: {code}", code=code)


def sequence_of(account: str) -> int:
    """The account's present sequence number. Refused with code NO_ACCOUNT when it does not exist."""
    try:
        return int(ask(lambda: server().load_account(account)).sequence)
    except AccountNotFoundException:
        raise Refused(
            f"there is no account {account} on Stellar {settings.STELLAR_NETWORK}", code="NO_ACCOUNT"
        ) from None


def account_of(public_key: str) -> str:
    """The account G... whose master key this is, given as hex."""
    return Keypair.from_raw_ed25519_public_key(bytes.fromhex(public_key)).public_key


def account_at(account: str) -> tuple[int, int]:
    """Sequence number and the ledger at which the account has it. Refused with code NO_ACCOUNT without one."""
    entry, ledger = account_entry(account)
    return int(entry.seq_num.sequence_number.int64), ledger


def account_entry(account: str) -> tuple[xdr.AccountEntry, int]:
    """For the gateways: the account's entry and the ledger it is of. Refused with code NO_ACCOUNT without one."""
    public_key = Keypair.from_public_key(account).xdr_account_id()
    key = xdr.LedgerKey(type=xdr.LedgerEntryType.ACCOUNT, account=xdr.LedgerKeyAccount(account_id=public_key))
    answer = ask(lambda: server().get_ledger_entries([key]))
    if not answer.entries:
        raise Refused(
            f"there is no account {account} on Stellar {settings.STELLAR_NETWORK}", code="NO_ACCOUNT"
        )
    entry = answer.entries[0]
    return parsed(lambda: _account(entry.xdr)), answer.latest_ledger


def _account(text: str) -> xdr.AccountEntry:
    account = xdr.LedgerEntryData.from_xdr(text).account
    if account is None:
        raise ValueError("the entry is no account")
    return account


def int128(value: xdr.SCVal) -> int:
    """Exact, negative values included. Refused with code NOT_I128 for anything else."""
    try:
        return scval.from_int128(value)
    except ValueError as error:
        raise Refused(f"the contract's answer is no i128: {error}", code="NOT_I128") from error


def reserve_shortfall(contract: str) -> ReserveAnswer:
    """What the contract says is missing for the payments of its next days, by simulation.

    Raises ContractFailed when it refuses, Refused with code NEGATIVE for an answer that makes no sense.
    """
    answer = simulate(Call(contract, "check_reserve_balance"))
    units = int128(answer.value)
    if units < 0:
        raise Refused(
            f"the contract says that {units} are missing: a shortfall is 0 or more", code="NEGATIVE"
        )
    return ReserveAnswer(units, answer.ledger, answer.needs_restore)


# -- the envelope


def _envelope(work: Work, source: Account, *, lifetime: tuple[int, int]) -> TransactionEnvelope:
    builder = TransactionBuilder(source, passphrase(), base_fee=_BASE_FEE)
    work.add_to(builder)
    return builder.add_time_bounds(*lifetime).build()


@lru_cache(maxsize=4_096)
def _question(call: Call, source: str) -> str:
    """To be simulated only, as base64: the same contracts are asked the same again and again."""
    return _envelope(call, Account(source, 0), lifetime=(0, 0)).to_xdr()


def _read(raw: bytes) -> TransactionEnvelope:
    return TransactionEnvelope.from_xdr_object(xdr.TransactionEnvelope.from_xdr_bytes(raw), passphrase())


def _assemble(
    envelope: TransactionEnvelope,
    simulation: SimulateTransactionResponse,
    entries: Sequence[xdr.SorobanAuthorizationEntry],
) -> None:
    transaction = envelope.transaction
    transaction.soroban_data = xdr.SorobanTransactionData.from_xdr(str(simulation.transaction_data))
    transaction.fee = _inclusion_fee() + int(simulation.min_resource_fee or 0)
    operation = transaction.operations[0]
    if isinstance(operation, InvokeHostFunction):
        operation.auth = list(entries)


def _inclusion_fee() -> int:
    """What nine in ten of the last ledgers' Soroban transactions paid at most, in stroops, up to our ceiling."""
    stats = ask(lambda: server().get_fee_stats())
    return min(max(_BASE_FEE, stats.soroban_inclusion_fee.p90), settings.SOROBAN_MAX_INCLUSION_FEE_STROOPS)


def _auth_entries(simulation: SimulateTransactionResponse) -> list[xdr.SorobanAuthorizationEntry]:
    results = simulation.results or []
    return [
        xdr.SorobanAuthorizationEntry.from_xdr(entry) for result in results for entry in result.auth or []
    ]


def _is_foreign(entry: xdr.SorobanAuthorizationEntry) -> bool:
    """The envelope's signature speaks for its source account only."""
    source = xdr.SorobanCredentialsType.SOROBAN_CREDENTIALS_SOURCE_ACCOUNT
    return bool(entry.credentials.type != source)


def _whose(entry: xdr.SorobanAuthorizationEntry, source: str) -> str:
    if not _is_foreign(entry):
        return source
    given, delegated = entry.credentials, entry.credentials.address_with_delegates
    address = given.address or given.address_v2 or (delegated.address_credentials if delegated else None)
    if address is None:
        raise ValueError("an authorization entry names no address")
    return Address.from_xdr_sc_address(address.address).address


# -- answers


def _simulate(envelope: TransactionEnvelope | str, work: Work) -> SimulateTransactionResponse:
    # The SDK takes base64 as well, its annotation does not say so.
    simulation = ask(lambda: server().simulate_transaction(cast(TransactionEnvelope, envelope)))
    if simulation.error:
        raise contract_failure(simulation.error, function=work.function, events=simulation.events or [])
    return simulation


def _answer(simulation: SimulateTransactionResponse) -> Answer:
    return Answer(_value(simulation), simulation.latest_ledger, simulation.restore_preamble is not None)


def _value(simulation: SimulateTransactionResponse) -> xdr.SCVal:
    results = simulation.results
    if not results:
        raise Unavailable("the Soroban RPC simulated the call and gave no result")
    return parsed(lambda: xdr.SCVal.from_xdr(results[0].xdr))
