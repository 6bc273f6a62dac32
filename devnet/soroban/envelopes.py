"""What arrives: a transaction envelope, what it calls, and why the network would not take it."""

from dataclasses import dataclass
from functools import lru_cache

from stellar_sdk import (
    Address,
    ExtendFootprintTTL,
    InvokeHostFunction,
    Keypair,
    Operation,
    RestoreFootprint,
    StrKey,
    TransactionEnvelope,
    xdr,
)
from stellar_sdk.exceptions import BadSignatureError, SdkError

from devnet.soroban import creating
from devnet.soroban.auth import Frame
from devnet.soroban.codec import PASSPHRASE, AccountState, given
from devnet.soroban.fees import BASE_FEE, resource_fee

_Code = xdr.TransactionResultCode
_KINDS = (InvokeHostFunction, ExtendFootprintTTL, RestoreFootprint)


class Unreadable(ValueError):
    """Not a transaction envelope this network knows; the text is the SDK's reason."""


@dataclass(frozen=True, slots=True)
class Submitted:
    envelope: TransactionEnvelope
    hash: str
    source: str

    @property
    def operation(self) -> Operation:
        return self.envelope.transaction.operations[0]

    @property
    def sequence(self) -> int:
        return self.envelope.transaction.sequence

    @property
    def data(self) -> xdr.SorobanTransactionData | None:
        return self.envelope.transaction.soroban_data

    @property
    def frame(self) -> Frame | None:
        """The contract call, None for anything else, a call of an account included."""
        operation = self.operation if self.envelope.transaction.operations else None
        call = operation.host_function.invoke_contract if isinstance(operation, InvokeHostFunction) else None
        if call is None:
            return None
        contract = Address.from_xdr_sc_address(call.contract_address).address
        if not StrKey.is_valid_contract(contract):
            return None
        return Frame(contract, call.function_name.sc_symbol.decode(), tuple(call.args))

    @property
    def function(self) -> xdr.HostFunction | None:
        """What is to be run: a call, an upload, or the making of a contract; None for anything else."""
        operation = self.operation if self.envelope.transaction.operations else None
        if not isinstance(operation, InvokeHostFunction):
            return None
        function = operation.host_function
        return function if self.frame is not None or creating.is_known(function) else None

    @property
    def subject(self) -> str:
        """What faults match on: hash, contract and function."""
        frame = self.frame
        return f"{self.hash} {self.source}" + (f" {frame.contract} {frame.function}" if frame else "")

    @property
    def is_supported(self) -> bool:
        """Soroban knows one operation per transaction."""
        operations = self.envelope.transaction.operations
        return len(operations) == 1 and isinstance(operations[0], _KINDS)


@lru_cache(maxsize=4_096)
def parse(text: str) -> Submitted:
    """From base64 XDR; raises Unreadable. Fee bumps are not known here. Nobody may change what is in it."""
    try:
        envelope = TransactionEnvelope.from_xdr(text, PASSPHRASE)
        source = envelope.transaction.source.account_id
        return Submitted(envelope, envelope.hash_hex(), source)
    except (SdkError, ValueError, TypeError, EOFError, AttributeError) as error:
        raise Unreadable(str(error) or type(error).__name__) from error


def why_not(submitted: Submitted, account: AccountState | None, seconds: int) -> _Code | None:
    """The code with which the network refuses it at this time, None when it would take it."""
    return (
        _shape(submitted)
        or _times(submitted, seconds)
        or _fees(submitted)
        or (_Code.txNO_ACCOUNT if account is None else _against(submitted, account))
    )


def can_apply(submitted: Submitted, account: AccountState | None, seconds: int) -> bool:
    """Whether it still fits when its ledger closes; what does not is left out without a trace."""
    fits = account is not None and submitted.sequence == account.sequence + 1
    return fits and _times(submitted, seconds) is None


def _shape(submitted: Submitted) -> _Code | None:
    if not submitted.envelope.transaction.operations:
        return _Code.txMISSING_OPERATION
    if not submitted.is_supported:
        return _Code.txNOT_SUPPORTED
    return _Code.txSOROBAN_INVALID if submitted.data is None else None


def _times(submitted: Submitted, seconds: int) -> _Code | None:
    conditions = submitted.envelope.transaction.preconditions
    bounds = conditions.time_bounds if conditions else None
    if bounds and seconds < bounds.min_time:
        return _Code.txTOO_EARLY
    if bounds and bounds.max_time and seconds > bounds.max_time:
        return _Code.txTOO_LATE
    return None


def _fees(submitted: Submitted) -> _Code | None:
    data = given(submitted.data)
    if data.resource_fee.int64 < resource_fee(data.resources):
        return _Code.txSOROBAN_INVALID
    if submitted.envelope.transaction.fee < data.resource_fee.int64 + BASE_FEE:
        return _Code.txINSUFFICIENT_FEE
    return None


def _against(submitted: Submitted, account: AccountState) -> _Code | None:
    if submitted.sequence != account.sequence + 1:
        return _Code.txBAD_SEQ
    if not _is_signed(submitted):
        return _Code.txBAD_AUTH
    if len(submitted.envelope.signatures) > 1:
        return _Code.txBAD_AUTH_EXTRA
    if account.stroops < submitted.envelope.transaction.fee:
        return _Code.txINSUFFICIENT_BALANCE
    return None


def _is_signed(submitted: Submitted) -> bool:
    """Only the master key of the source signs here."""
    key = Keypair.from_public_key(submitted.source)
    return any(
        signature.signature_hint == key.signature_hint()
        and _verifies(key, submitted.envelope.hash(), signature.signature)
        for signature in submitted.envelope.signatures
    )


def _verifies(key: Keypair, content: bytes, signature: bytes) -> bool:
    try:
        key.verify(content, signature)
    except BadSignatureError:
        return False
    return True
