"""Uploading code and making contracts of it: what host functions other than a call do."""

import hashlib
from collections.abc import Sequence

from stellar_sdk import Address, StrKey, scval, xdr

from devnet.soroban import codec
from devnet.soroban.auth import Creation
from devnet.soroban.codec import given
from devnet.soroban.host import MIN_PERSISTENT_TTL, Host, Trap

WASM = b"\0asm\1\0\0\0"
_Kind = xdr.HostFunctionType
_FROM_ADDRESS = xdr.ContractIDPreimageType.CONTRACT_ID_PREIMAGE_FROM_ADDRESS


def is_known(function: xdr.HostFunction) -> bool:
    """Whether it is one of these, and not of a token of the network itself."""
    if function.type is _Kind.HOST_FUNCTION_TYPE_UPLOAD_CONTRACT_WASM:
        return True
    made = _creation(function)
    return made is not None and made.contract_id_preimage.type is _FROM_ADDRESS


def run(host: Host, function: xdr.HostFunction) -> xdr.SCVal:
    """Raises Trap."""
    made = _creation(function)
    if made is None:
        return _upload(host, given(function.wasm))
    return _create(host, made, is_plain=function.create_contract is not None)


def make(host: Host, deployer: str, salt: bytes, code: bytes, arguments: Sequence[xdr.SCVal]) -> str:
    """The address of a new contract; its code is uploaded if it is not there. Raises Trap."""
    _upload(host, code)
    source = xdr.ContractIDPreimageFromAddress(Address(deployer).to_xdr_sc_address(), xdr.Uint256(salt))
    preimage = xdr.ContractIDPreimage(_FROM_ADDRESS, from_address=source)
    executable = xdr.ContractExecutable(
        xdr.ContractExecutableType.CONTRACT_EXECUTABLE_WASM, wasm_hash=xdr.Hash(codec.code_hash(code))
    )
    made = xdr.CreateContractArgsV2(preimage, executable, list(arguments))
    return codec.address_of(_create(host, made, is_plain=False))


def _creation(function: xdr.HostFunction) -> xdr.CreateContractArgsV2 | None:
    if function.create_contract is not None:
        plain = function.create_contract
        return xdr.CreateContractArgsV2(plain.contract_id_preimage, plain.executable, [])
    return function.create_contract_v2


def _upload(host: Host, code: bytes) -> xdr.SCVal:
    if not code.startswith(WASM):
        raise Trap("Error(WasmVm, InvalidAction)", "the code is no wasm module")
    key = codec.code_key(codec.code_hash(code))
    if host.get(key) is None:
        host.put(key, codec.code_entry(code), host.moment.ledger + MIN_PERSISTENT_TTL - 1)
    return scval.to_bytes(codec.code_hash(code))


def _create(host: Host, made: xdr.CreateContractArgsV2, *, is_plain: bool) -> xdr.SCVal:
    source = given(made.contract_id_preimage.from_address)
    contract = contract_of(made.contract_id_preimage)
    creation = Creation(made, is_plain)
    with host.entered(creation):
        host.require_auth(Address.from_xdr_sc_address(source.address).address)
        _put_instance(host, contract, given(made.executable.wasm_hash).hash)
        if host.has_constructor(contract):
            _construct(host, contract, made.constructor_args)
        elif made.constructor_args:
            raise Trap("Error(Context, MissingValue)", "the contract has no constructor")
    return scval.to_address(contract)


def _construct(host: Host, contract: str, arguments: Sequence[xdr.SCVal]) -> None:
    """Why a constructor failed does not reach the caller, unless it touched what it may not."""
    try:
        host.invoke(contract, "__constructor", arguments)
    except Trap as trap:
        if "ExceededLimit" in trap.reason:
            raise
        raise Trap("Error(Context, InvalidAction)", "the constructor failed") from trap


def contract_of(preimage: xdr.ContractIDPreimage) -> str:
    """The address of what is made from this, as the network computes it."""
    network = hashlib.sha256(codec.PASSPHRASE.encode()).digest()
    image = xdr.HashIDPreimage(
        xdr.EnvelopeType.ENVELOPE_TYPE_CONTRACT_ID,
        contract_id=xdr.HashIDPreimageContractID(xdr.Hash(network), preimage),
    )
    return StrKey.encode_contract(hashlib.sha256(image.to_xdr_bytes()).digest())


def _put_instance(host: Host, contract: str, code_hash: bytes) -> None:
    key = codec.instance_key(contract)
    if host.get(key) is not None:
        raise Trap("Error(Storage, ExistingValue)", "contract already exists")
    if host.get(codec.code_key(code_hash)) is None:
        raise Trap("Error(Storage, MissingValue)", "Wasm does not exist")
    value = codec.instance_value(code_hash, {})
    host.put(key, codec.data_entry(key, value), host.moment.ledger + MIN_PERSISTENT_TTL - 1)
