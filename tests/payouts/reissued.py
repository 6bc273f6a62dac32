"""A payment that failed, a new wallet of its holder, and two people."""

import secrets
from typing import Any

from payouts.models import Distribution, Payment, Reissue
from payouts.services.approving import decide
from payouts.services.reissuing import request_reissue
from tests.payouts.test_retrying import unpaid
from tests.world import Pump, Setting


def new_wallet(setting: Setting, *, associated: bool = True) -> str:
    """A new account that can take the payment token; its EVM address."""
    return str(new_account(setting, associated=associated)["evm_address"])


def new_account(setting: Setting, *, associated: bool = True) -> dict[str, Any]:
    (account,) = setting.world.control.do_add_accounts(["0x" + secrets.token_hex(20)])
    if associated:
        setting.ask_money("associateMany", [account["evm_address"]])
    setting.world.control.do_close_block()
    return dict(account)


def broken(setting: Setting, pump: Pump) -> tuple[Distribution, Payment]:
    """A run of 90 of which the first holder, who is frozen, was not paid."""
    distribution = unpaid(setting, pump, setting.holders[0])
    return distribution, distribution.payments.get(holder=setting.holders[0])


def ask(payment: Payment, wallet: str, **given: Any) -> Reissue:
    return request_reissue(payment, wallet=wallet, **{"by": "alice", "reason": "a notarised letter"} | given)


def approve(reissue: Reissue, by: str = "bob") -> None:
    assert decide(reissue.approvals.get(), is_approved=True, by=by, reason="I have seen the letter")


def balance(setting: Setting, wallet: str) -> int:
    return int(setting.world.control.do_balances(setting.money, [wallet])[wallet])
