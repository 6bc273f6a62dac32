"""What follows on a call that the chain or custody refused, by the class of its error. The words are in ``reverts``."""

from enum import StrEnum


class Decision(StrEnum):
    """RETRY: another attempt follows by itself. HOLD: the distribution waits until pre-flight finds the cause gone.

    ASK: it waits for a person, since nothing that is asked would tell that the cause is gone. FAIL: no other attempt
    of this call.
    """

    RETRY = "RETRY"
    HOLD = "HOLD"
    ASK = "ASK"
    FAIL = "FAIL"


DECISIONS: dict[str, Decision] = {
    # What the network or the sending says.
    "EXPIRED": Decision.RETRY,
    "TRANSACTION_EXPIRED": Decision.RETRY,
    "INVALID_TRANSACTION_START": Decision.RETRY,
    "CONSENSUS_GAS_EXHAUSTED": Decision.RETRY,
    "THROTTLED_AT_CONSENSUS": Decision.RETRY,
    "INSUFFICIENT_PAYER_BALANCE": Decision.HOLD,
    "INSUFFICIENT_TX_FEE": Decision.ASK,
    "CUSTODY_REFUSED": Decision.ASK,
    # What the payout contract says.
    "LifeCycleCashFlowIsPaused": Decision.HOLD,
    "AccountHasNoRole": Decision.HOLD,
    # The chain's clock decides, and it is a few seconds behind ours at most.
    "NotPaymentDate": Decision.RETRY,
    # Payouts are never refused so; a payment to a new wallet is, and what it needs is not in any plan.
    "NotEnoughBalance": Decision.ASK,
    "InvalidAsset": Decision.FAIL,
    "InvalidPaymentToken": Decision.FAIL,
    "InvalidPercentage": Decision.FAIL,
    "AssociateTokenFailed": Decision.FAIL,
    "TransferERC20TokenFailed": Decision.FAIL,
    "InvalidInitialization": Decision.FAIL,
    "LifeCycleCashFlowIsUnpaused": Decision.FAIL,
    "AccountAssignedToRole": Decision.FAIL,
    "AccountNotAssignedToRole": Decision.FAIL,
    # What the asset token says, 7.x and 8.0.
    "TokenIsPaused": Decision.HOLD,
    "IsPaused": Decision.HOLD,
    "ClearingIsActivated": Decision.ASK,
    "BondMaturityDateWrong": Decision.RETRY,
    "InvalidKycStatus": Decision.FAIL,
    "AccountIsBlocked": Decision.FAIL,
    "WalletRecovered": Decision.FAIL,
    # What the payment token says.
    "ERC20InsufficientBalance": Decision.FAIL,
    "ERC20InsufficientAllowance": Decision.FAIL,
    "ERC20InvalidSender": Decision.FAIL,
    "ERC20InvalidReceiver": Decision.FAIL,
    "ERC20InvalidApprover": Decision.FAIL,
    "ERC20InvalidSpender": Decision.FAIL,
}
