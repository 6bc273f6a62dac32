"""Authorisation: what a call asked of whom, and whether the entries of a transaction grant it."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from stellar_sdk import Address, Keypair, scval, xdr
from stellar_sdk.auth import authorization_payload_hash, build_authorization_preimage
from stellar_sdk.exceptions import SdkError

from devnet.soroban.codec import PASSPHRASE, nonce_key

_TYPE = xdr.SorobanCredentialsType


@dataclass(frozen=True, slots=True)
class Frame:
    """One call of a contract's function."""

    contract: str
    function: str
    arguments: tuple[xdr.SCVal, ...]

    def to_xdr(self) -> xdr.SorobanAuthorizedFunction:
        call = xdr.InvokeContractArgs(
            Address(self.contract).to_xdr_sc_address(),
            xdr.SCSymbol(self.function.encode()),
            list(self.arguments),
        )
        kind = xdr.SorobanAuthorizedFunctionType.SOROBAN_AUTHORIZED_FUNCTION_TYPE_CONTRACT_FN
        return xdr.SorobanAuthorizedFunction(kind, contract_fn=call)


@dataclass(frozen=True, slots=True)
class Creation:
    """The making of a contract from code, with what its constructor takes."""

    arguments: xdr.CreateContractArgsV2
    is_plain: bool
    contract: str = ""
    function: str = "create_contract"

    def to_xdr(self) -> xdr.SorobanAuthorizedFunction:
        kinds = xdr.SorobanAuthorizedFunctionType
        if self.is_plain:
            plain = xdr.CreateContractArgs(self.arguments.contract_id_preimage, self.arguments.executable)
            kind = kinds.SOROBAN_AUTHORIZED_FUNCTION_TYPE_CREATE_CONTRACT_HOST_FN
            return xdr.SorobanAuthorizedFunction(kind, create_contract_host_fn=plain)
        kind = kinds.SOROBAN_AUTHORIZED_FUNCTION_TYPE_CREATE_CONTRACT_V2_HOST_FN
        return xdr.SorobanAuthorizedFunction(kind, create_contract_v2_host_fn=self.arguments)


@dataclass(slots=True)
class Asked:
    """A call that needs somebody's authorisation, and the calls below it that need it too."""

    frame: Frame | Creation
    below: list["Asked"] = field(default_factory=list)

    def to_xdr(self) -> xdr.SorobanAuthorizedInvocation:
        return xdr.SorobanAuthorizedInvocation(self.frame.to_xdr(), [one.to_xdr() for one in self.below])


class Recorder:
    """Trees of what was asked, by address; the first call that asks is the root of a tree."""

    def __init__(self) -> None:
        self.trees: dict[str, list[Asked]] = {}

    def ask(self, address: str, stack: Sequence[Frame | Creation]) -> None:
        roots = self.trees.setdefault(address, [])
        above = roots
        for frame in stack[:-1]:
            node = next((one for one in above if one.frame is frame), None)
            above = node.below if node else above
        if not any(one.frame is stack[-1] for one in above):
            above.append(Asked(stack[-1]))


class Journal(Protocol):
    """Where used nonces are kept."""

    def has(self, key: str) -> bool: ...

    def note(self, key: str, live_until: int) -> None: ...


class NotAuthorised(Exception):
    """The text says who did not authorise what; `kind` is the host's word for it."""

    def __init__(self, text: str, *, kind: str = "InvalidAction") -> None:
        super().__init__(text)
        self.kind = kind


def recorded(recorder: Recorder, source: str, *, upgraded: bool) -> list[xdr.SorobanAuthorizationEntry]:
    """The entries a simulation proposes; those of other addresses than the source still lack a signature."""
    return [
        xdr.SorobanAuthorizationEntry(_credentials(address, source, upgraded), tree.to_xdr())
        for address, trees in recorder.trees.items()
        for tree in trees
    ]


def _credentials(address: str, source: str, upgraded: bool) -> xdr.SorobanCredentials:
    if address == source:
        return xdr.SorobanCredentials(_TYPE.SOROBAN_CREDENTIALS_SOURCE_ACCOUNT)
    unsigned = xdr.SorobanAddressCredentials(
        Address(address).to_xdr_sc_address(),
        xdr.Int64(secrets.randbits(62)),
        xdr.Uint32(0),
        xdr.SCVal(xdr.SCValType.SCV_VOID),
    )
    if upgraded:
        return xdr.SorobanCredentials(_TYPE.SOROBAN_CREDENTIALS_ADDRESS_V2, address_v2=unsigned)
    return xdr.SorobanCredentials(_TYPE.SOROBAN_CREDENTIALS_ADDRESS, address=unsigned)


def enforce(
    recorder: Recorder,
    entries: Sequence[xdr.SorobanAuthorizationEntry],
    *,
    source: str,
    ledger: int,
    journal: Journal,
) -> None:
    """Raises NotAuthorised unless a valid entry covers each tree. Every entry serves once."""
    left = list(entries)
    for address, trees in recorder.trees.items():
        for tree in trees:
            wanted = tree.to_xdr()
            entry = next((one for one in left if _is_for(one, address, source, wanted)), None)
            if entry is None:
                raise NotAuthorised(f"{address} did not authorise {tree.frame.function}")
            left.remove(entry)
            _check(entry, ledger, journal)


def _is_for(
    entry: xdr.SorobanAuthorizationEntry, address: str, source: str, wanted: xdr.SorobanAuthorizedInvocation
) -> bool:
    given = address_credentials(entry)
    who = Address.from_xdr_sc_address(given.address).address if given else source
    return who == address and _covers(entry.root_invocation, wanted)


def _covers(given: xdr.SorobanAuthorizedInvocation, wanted: xdr.SorobanAuthorizedInvocation) -> bool:
    return given.function == wanted.function and all(
        any(_covers(one, below) for one in given.sub_invocations) for below in wanted.sub_invocations
    )


def address_credentials(entry: xdr.SorobanAuthorizationEntry) -> xdr.SorobanAddressCredentials | None:
    return entry.credentials.address or entry.credentials.address_v2


def _check(entry: xdr.SorobanAuthorizationEntry, ledger: int, journal: Journal) -> None:
    given = address_credentials(entry)
    if given is None:  # the source account: the envelope's signature is enough
        return
    until = given.signature_expiration_ledger.uint32
    nonce = nonce_key(given.address, given.nonce.int64)
    if until < ledger:
        raise NotAuthorised("the signature of an authorisation has expired", kind="InvalidInput")
    if journal.has(nonce):
        raise NotAuthorised("the nonce of an authorisation was used before", kind="ExistingValue")
    if not _is_signed(entry, given, until):
        raise NotAuthorised("the signature of an authorisation is wrong")
    journal.note(nonce, until)


def _is_signed(
    entry: xdr.SorobanAuthorizationEntry, given: xdr.SorobanAddressCredentials, until: int
) -> bool:
    """Only ed25519 accounts with their master key; a contract's own check cannot be run here."""
    payload = authorization_payload_hash(build_authorization_preimage(entry, until, PASSPHRASE))
    account = Address.from_xdr_sc_address(given.address).address
    try:
        parts = scval.from_map(scval.from_vec(given.signature)[0])
        named = {scval.from_symbol(name): scval.from_bytes(value) for name, value in parts.items()}
        signer = Keypair.from_raw_ed25519_public_key(named["public_key"])
        signer.verify(payload, named["signature"])
    except (SdkError, ValueError, KeyError, IndexError):
        return False
    return signer.public_key == account
