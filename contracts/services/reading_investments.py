"""An investment contract of Stellar as its chain describes it, before it is taken into the books. Nothing is signed.

Whose contract it is, is asked of the contract itself: a simulated check records whose word a real one needs.
"""

from dataclasses import dataclass
from typing import Any

from contracts.gateways import soroban, soroban_state
from contracts.gateways.errors import GatewayError, Refused
from contracts.gateways.soroban_errors import ContractFailed
from contracts.gateways.soroban_investments import EXACT_VERSION
from contracts.gateways.strkeys import is_account, is_contract
from contracts.models import Contract
from contracts.services.networks import soroban_trouble, stellar_network

CHECK = "check_reserve_balance"
NO_FUNCTION = "WasmVm:MissingValue"
NO_OWNER = "OwnerNotSet"
FUNDS_REACHED = 3
MOST_DECIMALS = 77
LONGEST_SYMBOL = 32
EXACT, BY_TOKEN_ID, BY_ADDRESS = "2", "1", "0"


class NotAnInvestment(ValueError):
    """The address is not what it should be, or could not be asked; the message names the fix."""


@dataclass(frozen=True, slots=True)
class ReadInvestmentContract:
    """``status`` and ``interface_version`` as in Contract; ``token`` has the columns of a Token."""

    address: str
    status: str
    interface_version: str
    live_until_ledger: int | None
    token: dict[str, Any]


def read_investment(address: str, *, owner: str, token: str = "") -> ReadInvestmentContract:
    """``owner`` is the account that has to be the contract's owner; ``token`` is for a contract that names none.

    Raises NotAnInvestment.
    """
    _check_form(address)
    try:
        soroban.check_network()
        instance = _instance(address)
        _check_owner(address, instance, owner)
        money = read_money(_token_address(address, instance, token))
    except GatewayError as error:
        raise NotAnInvestment(soroban_trouble(error)) from error
    return ReadInvestmentContract(
        address, _status(instance), _version(instance), instance.live_until or None, money
    )


def _check_form(address: str) -> None:
    if is_contract(address):
        return
    if is_account(address):
        raise NotAnInvestment(f"{address} is an account; give the contract's address C...")
    raise NotAnInvestment(
        f"{address} is no address of a Stellar contract; give C... with all of its 56 letters and digits"
    )


def _instance(address: str) -> soroban_state.Instance:
    found = soroban_state.instance(address)
    if found is None:
        raise NotAnInvestment(f"there is no contract {address} on {stellar_network()}; check STELLAR_NETWORK")
    if not found.code_hash:
        raise _stranger(address, "it is a token of the network itself")
    return found


def _check_owner(address: str, instance: soroban_state.Instance, owner: str) -> None:
    asked = _asked(address, owner)
    stored = instance.storage.get("Owner")
    owners = asked or ((stored,) if isinstance(stored, str) else ())
    if owners == (owner,):
        return
    if not owners:
        raise NotAnInvestment(f"{address} asks for nobody's word and names no owner, so nobody can check it")
    if is_contract(owners[0]):
        raise NotAnInvestment(
            f"the owner of {address} is the contract {owners[0]}, for which no wallet can sign; "
            "its reserve cannot be checked from here"
        )
    raise NotAnInvestment(
        f"the owner of {address} is {', '.join(owners)}, not the wallet {owner}; give the owner's wallet"
    )


def _asked(address: str, owner: str) -> tuple[str, ...]:
    """Whose word a check needs, by a simulated one."""
    try:
        answer, asked = soroban.simulate_as(owner, soroban.Call(address, CHECK))
        soroban.int128(answer.value)
    except ContractFailed as error:
        raise _failed_check(address, error) from error
    except Refused as error:
        if error.code != "NOT_I128":
            raise
        raise _stranger(address, error.text) from error
    return asked


def _failed_check(address: str, error: ContractFailed) -> NotAnInvestment:
    if error.code == NO_FUNCTION:
        return _stranger(address, f"it has no {CHECK}")
    if error.code == NO_OWNER:
        return NotAnInvestment(f"{address} has no owner, so nobody can check its reserve")
    return NotAnInvestment(f"{address} refused {CHECK}: {error}")


def _stranger(address: str, why: str) -> NotAnInvestment:
    return NotAnInvestment(f"{address} is no investment contract: {why}; is it the right address?")


def _token_address(address: str, instance: soroban_state.Instance, given: str) -> str:
    """The contract's own word goes before a person's."""
    named = _data(instance).get("token")
    if not isinstance(named, str):
        if not given:
            raise NotAnInvestment(f"{address} does not say in which token it pays; give it with --token C...")
        named = given
    if not is_contract(named):
        raise NotAnInvestment(f"the token {named} is no address of a Stellar contract; give C...")
    if given and given != named:
        raise NotAnInvestment(f"{address} pays in the token {named}, not in {given}; leave the token out")
    return named


def read_money(address: str) -> dict[str, Any]:
    """The columns of a Token, by its contract's own word. Raises NotAnInvestment or a GatewayError."""
    decimals, symbol = (_ask_token(address, view) for view in ("decimals", "symbol"))
    if not isinstance(decimals, int) or not 0 <= decimals <= MOST_DECIMALS:
        raise NotAnInvestment(
            f"the token {address} says that it has {decimals!r} decimals; 0 to {MOST_DECIMALS} can be"
        )
    if not _can_be_shown(symbol):
        raise NotAnInvestment(
            f"the token {address} says that its symbol is {symbol!r}, which cannot be shown"
        )
    return {"address": address, "symbol": symbol, "decimals": decimals}


def _ask_token(address: str, view: str) -> Any:
    try:
        return soroban_state.native(soroban.simulate(soroban.Call(address, view)).value)
    except ContractFailed as error:
        raise NotAnInvestment(
            f"{address} does not answer like a token: {view}: {error.code}; check the token's address"
        ) from error


def _can_be_shown(symbol: object) -> bool:
    return isinstance(symbol, str) and 0 < len(symbol) <= LONGEST_SYMBOL and symbol.isprintable()


def _data(instance: soroban_state.Instance) -> dict[str, Any]:
    data = instance.storage.get("ContractData")
    return data if isinstance(data, dict) else {}


def _status(instance: soroban_state.Instance) -> str:
    if instance.storage.get("Paused") is True:
        return Contract.Status.PAUSED
    if _data(instance).get("state") == FUNDS_REACHED:
        return Contract.Status.FUNDS_REACHED
    return Contract.Status.ACTIVE


def _version(instance: soroban_state.Instance) -> str:
    """The older version keys its claims by investor, so that one claim of each is known only. Paydate's own contract
    says which it is.
    """
    if instance.storage.get("Version") == EXACT_VERSION:
        return EXACT
    claims = instance.storage.get("ClaimsMap")
    is_older = isinstance(claims, dict) and any(isinstance(key, str) for key in claims)
    return BY_ADDRESS if is_older else BY_TOKEN_ID
