"""Operations and keys of scripts, in the form in which the SDK takes them."""

import hashlib
from collections.abc import Sequence

from stellar_sdk import Address, InvokeHostFunction, scval, xdr

from devnet.soroban import codec, creating

WHOLE = 10**7
U32, U64, I128, ADDRESS, TEXT = (
    scval.to_uint32,
    scval.to_uint64,
    scval.to_int128,
    scval.to_address,
    scval.to_string,
)
TERMS: dict[str, int] = {
    "claim_block_days": 10,
    "goal": 10_000 * WHOLE,
    "i_rate": 500,
    "min_per_investment": 100 * WHOLE,
    "return_months": 3,
    "return_type": 1,
}
_WRITERS = {"claim_block_days": U64, "goal": I128, "min_per_investment": I128}
_Kind = xdr.HostFunctionType


def call(contract: str, function: str, *arguments: xdr.SCVal) -> InvokeHostFunction:
    body = xdr.InvokeContractArgs(
        Address(contract).to_xdr_sc_address(), xdr.SCSymbol(function.encode()), list(arguments)
    )
    return InvokeHostFunction(
        xdr.HostFunction(_Kind.HOST_FUNCTION_TYPE_INVOKE_CONTRACT, invoke_contract=body), []
    )


def upload(code: bytes) -> InvokeHostFunction:
    return InvokeHostFunction(xdr.HostFunction(_Kind.HOST_FUNCTION_TYPE_UPLOAD_CONTRACT_WASM, wasm=code), [])


def preimage(deployer: str, salt: str) -> xdr.ContractIDPreimage:
    number = xdr.Uint256(hashlib.sha256(salt.encode()).digest())
    from_address = xdr.ContractIDPreimageFromAddress(Address(deployer).to_xdr_sc_address(), number)
    return xdr.ContractIDPreimage(
        xdr.ContractIDPreimageType.CONTRACT_ID_PREIMAGE_FROM_ADDRESS, from_address=from_address
    )


def contract_id(deployer: str, salt: str) -> str:
    return creating.contract_of(preimage(deployer, salt))


def create(deployer: str, salt: str, code_hash: bytes, arguments: Sequence[xdr.SCVal]) -> InvokeHostFunction:
    body = xdr.CreateContractArgsV2(preimage(deployer, salt), _executable(code_hash), list(arguments))
    kind = _Kind.HOST_FUNCTION_TYPE_CREATE_CONTRACT_V2
    return InvokeHostFunction(xdr.HostFunction(kind, create_contract_v2=body), [])


def create_plain(deployer: str, salt: str, code_hash: bytes) -> InvokeHostFunction:
    body = xdr.CreateContractArgs(preimage(deployer, salt), _executable(code_hash))
    kind = _Kind.HOST_FUNCTION_TYPE_CREATE_CONTRACT
    return InvokeHostFunction(xdr.HostFunction(kind, create_contract=body), [])


def _executable(code_hash: bytes) -> xdr.ContractExecutable:
    kind = xdr.ContractExecutableType.CONTRACT_EXECUTABLE_WASM
    return xdr.ContractExecutable(kind, wasm_hash=xdr.Hash(code_hash))


def token_arguments(admin: str) -> list[xdr.SCVal]:
    return [ADDRESS(admin), U32(7), TEXT("USD Coin"), TEXT("USDC")]


def terms(**changed: int) -> xdr.SCVal:
    return scval.to_struct(
        {name: _WRITERS.get(name, U32)(number) for name, number in (TERMS | changed).items()}
    )


def investment_arguments(owner: str, project: str, token: str, **changed: int) -> list[xdr.SCVal]:
    names = [TEXT("https://example.org/1"), TEXT("House 1"), TEXT("H1")]
    return [ADDRESS(owner), ADDRESS(project), ADDRESS(token), *names, terms(**changed)]


def key(contract: str, name: str, *parts: xdr.SCVal) -> str:
    """The ledger key of a persistent entry; of the instance for `instance`."""
    if name == "instance":
        return codec.instance_key(contract)
    return codec.data_key(contract, scval.to_enum(name, list(parts)))


def ids(*numbers: int) -> xdr.SCVal:
    return scval.to_vec([U32(number) for number in numbers])
