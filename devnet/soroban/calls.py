"""What the owner of a local Stellar network may call, whatever runs the contracts: the model or the real host."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stellar_sdk import Address, scval, xdr

from devnet.operations import OperationFailed
from devnet.soroban.host import i128

_ADDRESS, _I128, _U32 = scval.to_address, i128, scval.to_uint32
_Writer = Callable[[Any], xdr.SCVal]
SIGNATURES: Mapping[str, tuple[_Writer, ...]] = {
    "accept_ownership": (),
    "add_company_transfer": (_I128,),
    "balance": (_ADDRESS,),
    "book_surplus": (),
    "check_reserve_balance": (),
    "check_reserve_balance_within": (scval.to_uint64,),
    "claim": (_U32,),
    "decimals": (),
    "get_books": (),
    "get_contract_balance": (),
    "get_reserve_status": (scval.to_uint64,),
    "invest": (_ADDRESS, _I128),
    "mint": (_ADDRESS, _I128),
    "move_funds_to_the_reserve": (_I128,),
    "name": (),
    "owner_of": (_U32,),
    "pause": (_ADDRESS,),
    "paused": (),
    "process_investor_payment": (_U32,),
    "process_investor_payments": (lambda ids: scval.to_vec([_U32(one) for one in ids]),),
    "set_frozen": (_ADDRESS, scval.to_bool),
    "single_withdrawn": (_I128,),
    "symbol": (),
    "transfer": (_ADDRESS, _ADDRESS, _I128),
    "transfer_ownership": (_ADDRESS, _U32),
    "unpause": (_ADDRESS,),
    "withdraw_commission": (_ADDRESS, _I128),
}


class InvestmentCalls(ABC):
    @abstractmethod
    def call(
        self, contract: str, function: str, arguments: Sequence[Any] = (), *, seconds_ago: int = 0
    ) -> Any: ...

    @abstractmethod
    def info(self, contract: str) -> dict[str, Any]: ...

    @abstractmethod
    def new_account(self) -> str:
        """The address of somebody nobody has met."""

    def mint(self, token: str, to: str, units: int) -> None:
        self.call(token, "mint", [to, units])

    def top_up(self, contract: str, units: int) -> dict[str, int]:
        """The owner gets the money and transfers it to the reserve; the books afterwards."""
        info = self.info(contract)
        self.mint(info["data"]["token"], info["owner"], units)
        self.call(contract, "add_company_transfer", [units])
        return dict(self.info(contract)["balances"])

    def invest(self, contract: str, units: int, investor: str = "", seconds_ago: int = 0) -> dict[str, Any]:
        """The investor (default: a new one) gets the money and invests it; the investment.

        The real host refuses an investment made a while ago.
        """
        person = investor or self.new_account()
        self.mint(self.info(contract)["data"]["token"], person, units)
        made = self.call(contract, "invest", [person, units], seconds_ago=seconds_ago)
        return {**made, "investor": person}


def values_of(function: str, arguments: Sequence[Any]) -> list[xdr.SCVal]:
    """Raises OperationFailed for a function that is not known, or takes another number of arguments."""
    writers = SIGNATURES.get(function)
    if writers is None:
        raise OperationFailed(f"no function {function}; there are: {', '.join(SIGNATURES)}")
    if len(writers) != len(arguments):
        raise OperationFailed(f"{function} takes {len(writers)} arguments")
    return [write(argument) for write, argument in zip(writers, arguments, strict=True)]


def plain(value: xdr.SCVal) -> Any:
    """As JSON has it."""
    return native(scval.to_native(value))


def native(value: Any) -> Any:
    if isinstance(value, Address):
        return value.address
    if isinstance(value, Mapping):
        return {str(name): native(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [native(inner) for inner in value]
    return value
