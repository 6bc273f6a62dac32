"""What a contract's error means, in the words of the people who run payouts."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

Arguments = Mapping[str, Any]

ROLES = {
    "0x" + "00" * 32: "DEFAULT_ADMIN",
    "0x8943226357c41253cf6ffc651e04f2a3a7cf1255138972ce150e207c0393cbce": "PAUSER",
    "0x88ad01da1e5558735d5b478c04a0f1667377fb68a98cb0278159d0b790f08c10": "PAYOUT",
    "0xe0d6eef1076057afbcdc5a0534cf7ab9071fa4fdd3750e202da3d49c8913a144": "CASHOUT",
    "0x4a16419d45be80f6de7609caac23eb8c7bfe6336a71da3cefd43ea62183ad211": "TRANSFERER",
    "0x15e92345f55818ea6e01143954b5841c1ba74302c2b157a2b4d0f21f9ad40286": "PAYMENT_TOKEN_MANAGER",
}

ROLE_NUMBERS = {name: number for number, name in ROLES.items()}

# 8.0 of the asset contracts changed all numbers.
ASSET_ROLES = {
    "0x3fbb44760c0954eea3f6cb9f1f210568f5ae959dcbbef66e72f749dbaa7cc2da": "SNAPSHOT",
    "0xf7d999723d2160432933a2aeffaae83e262a5a46fe94f34614a7676d1d1f67c6": "SNAPSHOT",
    "0xa0d696902e9ed231892dc96649f0c62b808a1cb9dd1269e78e0adc1cc4b8358c": "MATURITY_REDEEMER",
    "0x433f48f8aca23480f6ab07666cbc9131d32a0b4672033453f65e18f4dd390523": "MATURITY_REDEEMER",
}

# The codes of the Solidity language: docs.soliditylang.org, "Panic via assert and Error via require".
PANICS = {
    0x00: "a panic without a named cause",
    0x01: "an assertion failed",
    0x11: "an arithmetic overflow",
    0x12: "a division by zero",
    0x21: "a value outside its enumeration",
    0x22: "a badly encoded byte array in storage",
    0x31: "a pop from an empty array",
    0x32: "an index outside its array",
    0x41: "too much memory asked for",
    0x51: "a call of an unset function pointer",
}

_LONGEST_REASON = 500


def role_name(role: str) -> str:
    return ROLES.get(role, role)


def panic_words(code: int) -> str:
    return f"the contract stopped: {PANICS.get(code, f'panic code {code:#x}')}"


def revert_words(name: str, args: Arguments) -> str:
    """The sentence for a decoded error; an error without a sentence is shown as the contract spelled it."""
    words = _WORDS.get(name)
    return words(args) if words else f"{name}({', '.join(f'{key}={value}' for key, value in args.items())})"


def _moment(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return f"second {seconds}"


def _not_payment_date(args: Arguments) -> str:
    start, asked = _moment(args["paymentDateInit"]), _moment(args["requestedDate"])
    return f"the payment date has not come: payable from {start}, asked at {asked}"


def _not_matured(args: Arguments) -> str:
    """Deployed bonds do not say which date it is."""
    since = f": it matures at {_moment(args['maturityDate'])}" if args else ""
    return f"the bond has not matured yet{since}"


def _no_role(args: Arguments) -> str:
    """Roles on the asset token are missed by a wallet that takes snapshots, or by the payout contract that redeems."""
    if name := ASSET_ROLES.get(args["role"]):
        return f"{args['account']} lacks the role {name} on the asset token"
    return f"the wallet lacks the role {role_name(args['role'])} on the payout contract"


def _no_kyc(args: Arguments) -> str:
    """Deployed assets append the account where it cannot be decoded."""
    return f"{args.get('account', 'the holder')} has no valid KYC for the asset token"


_WORDS: dict[str, Callable[[Arguments], str]] = {
    "Error": lambda a: a["reason"][:_LONGEST_REASON] or "the contract refused without a reason",
    "Panic": lambda a: panic_words(a["code"]),
    "LifeCycleCashFlowIsPaused": lambda a: "the payout contract is paused",
    "LifeCycleCashFlowIsUnpaused": lambda a: "the payout contract is not paused",
    "AccountHasNoRole": _no_role,
    "AccountAssignedToRole": lambda a: f"{a['account']} has the role {role_name(a['role'])} already",
    "AccountNotAssignedToRole": lambda a: f"{a['account']} does not have the role {role_name(a['role'])}",
    "NotPaymentDate": _not_payment_date,
    "InvalidPercentage": lambda a: f"the percentage {a['percentage']} is above 10000 (100.00 %)",
    "NotEnoughBalance": lambda a: (
        f"Contract has insufficient payment token balance for {a['amount']} base units"
    ),
    "InvalidAsset": lambda a: f"{a['asset']} is not the asset of this payout contract",
    "InvalidPaymentToken": lambda a: f"{a['paymentToken']} cannot be the payment token",
    "AssociateTokenFailed": lambda a: "the payout contract could not be associated with the payment token",
    "TransferERC20TokenFailed": lambda a: f"the transfer of {a['amount']} base units to {a['to']} failed",
    "ERC20InsufficientBalance": lambda a: (
        f"{a['sender']} has {a['balance']} base units and needs {a['needed']}"
    ),
    "ERC20InsufficientAllowance": lambda a: (
        f"{a['spender']} may move {a['allowance']} base units and needs {a['needed']}"
    ),
    "ERC20InvalidReceiver": lambda a: f"{a['receiver']} cannot receive the token",
    "ERC20InvalidSender": lambda a: f"{a['sender']} cannot send the token",
    "ERC20InvalidApprover": lambda a: f"{a['approver']} cannot allow others to move the token",
    "ERC20InvalidSpender": lambda a: f"{a['spender']} cannot be allowed to move the token",
    "InvalidInitialization": lambda a: "the contract was initialised before, and not by this call",
    "TokenIsPaused": lambda a: "the asset token is paused",
    "IsPaused": lambda a: "the asset token is paused",
    "AccountIsBlocked": lambda a: f"{a['account']} is blocked by the asset token's list",
    "WalletRecovered": lambda a: "the holder's wallet was recovered: another one has taken its place",
    "InvalidKycStatus": _no_kyc,
    "ClearingIsActivated": lambda a: "clearing is switched on at the asset token; switch it off",
    "BondMaturityDateWrong": _not_matured,
}
