"""Why a Soroban call failed: the contract's own code by name, or the host's words, never "unknown error"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from stellar_sdk import scval, xdr

from contracts.gateways.errors import Refused

# Of the investment contract; 1000 and above belong to the OpenZeppelin parts, 25 to 27 to its older version, 33 to 38
# and 202 to Paydate's own.
CODES = {
    1: "AddressInsufficientBalance",
    2: "ContractInsufficientBalance",
    5: "AmountLessThanMinimum",
    6: "InterestRateMustBeGreaterThanZero",
    7: "GoalMustBeGreaterThanZero",
    8: "UnsupportedReturnType",
    9: "ReturnMonthsMustBeGreaterThanZero",
    10: "MinPerInvestmentMustBeGreaterThanZero",
    14: "AddressHasNotInvested",
    15: "AddressInvestmentIsNotClaimableYet",
    16: "AddressInvestmentIsFinished",
    17: "AddressInvestmentNextTransferNotClaimableYet",
    24: "ProjectBalanceInsufficientAmount",
    25: "ContractMustBePausedToRestartAgain",
    26: "ContractMustBeActiveToBePaused",
    27: "ContractMustBeActiveToInvest",
    28: "RecipientCannotReceivePayment",
    29: "InvalidPaymentData",
    30: "WouldExceedGoal",
    31: "GoalAlreadyReached",
    32: "AmountToInvestMustBeGreaterThanZero",
    33: "AmountMustBePositive",
    34: "InterestRateTooHigh",
    35: "TooManyReturnMonths",
    36: "ClaimBlockTooLong",
    37: "HorizonTooLong",
    38: "NoSurplus",
    200: "NonExistentToken",
    202: "IncorrectOwner",
    1000: "EnforcedPause",
    1001: "ExpectedPause",
    2100: "OwnerNotSet",
    2200: "NoPendingTransfer",
    2201: "InvalidLiveUntilLedger",
}
_ERROR = re.compile(r"Error\((?P<kind>\w+), (?:#(?P<number>\d+)|(?P<name>\w+))\)")
MOST_DIAGNOSTICS = 10


class ContractFailed(Refused):
    """`code` is the contract's error by name, `Contract#<n>` where it has none, or the host's, as `Auth:InvalidAction`.

    `diagnostics` are the host's events in words, oldest first.
    """

    def __init__(self, text: str, *, code: str, diagnostics: Sequence[str] = ()) -> None:
        super().__init__(text, code=code)
        self.diagnostics = tuple(diagnostics)


def contract_failure(text: str, *, function: str, events: Sequence[str]) -> ContractFailed:
    """From the words of a simulation or a result code, and diagnostic events as base64 XDR."""
    diagnostics = [words for event in events if (words := _words(event))]
    found = _ERROR.search(" ".join([text, *diagnostics]))
    code = _code(found) if found else text.split("\n", 1)[0][:64]
    subject = f"{function}: " if function else ""
    return ContractFailed(f"{subject}{text}", code=code, diagnostics=diagnostics[-MOST_DIAGNOSTICS:])


def _code(found: re.Match[str]) -> str:
    if found["kind"] == "Contract" and found["number"]:
        number = int(found["number"])
        return CODES.get(number, f"Contract#{number}")
    return f"{found['kind']}:{found['name'] or found['number']}"


def _words(event: str) -> str:
    """A diagnostic event in words; empty when it cannot be read, because it is only an explanation."""
    try:
        body = xdr.DiagnosticEvent.from_xdr(event).event.body.v0
        return " ".join(_value(value) for value in [*body.topics, body.data]) if body else ""
    except Exception:  # XDR of a stranger fails in every way there is
        return ""


def _value(value: xdr.SCVal) -> str:
    if value.type == xdr.SCValType.SCV_ERROR and value.error is not None:
        kind = value.error.type.name.removeprefix("SCE_").title()
        if value.error.contract_code is not None:
            return f"Error({kind}, #{value.error.contract_code.uint32})"
        name = (
            value.error.code.name.removeprefix("SCEC_").title().replace("_", "") if value.error.code else "?"
        )
        return f"Error({kind}, {name})"
    return str(scval.to_native(value))
