"""Taking into the books what the local networks have, as an operator would."""

import os
import subprocess
import sys
from typing import Any

from django.conf import settings

from contracts.models import Asset, Contract, Wallet
from contracts.services.adding_contracts import NewContract, add_contract
from contracts.services.registering import NewAsset, add_asset
from devnet.demo.scene import BY, DemoFailed


def wallet_of(account: str, *, custody_wallet_id: str, label: str) -> Wallet:
    if not Wallet.objects.filter(account=account).exists():
        _add_wallet(custody_wallet_id, "--account", account, "--label", label)
    return Wallet.objects.get(account=account)


def _add_wallet(*words: str) -> None:
    """By the command an operator would use, in a process that may see the custody secrets."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "manage.py", "add_wallet", *words],
        cwd=settings.BASE_DIR,
        env=os.environ | {"PAYDATE_PROCESS": "signer"},
        check=False,
    )
    if done.returncode:
        raise DemoFailed("the wallet could not be registered")


def register_asset(made: dict[str, Any], wallet: Wallet) -> Asset:
    return add_asset(
        NewAsset(
            asset=made["asset"]["id"],
            payout_contract=made["payout_contract"]["id"],
            wallet=wallet,
            label=f"Payouts of {made['plan']['symbol']}",
            by=BY,
        )
    )


def register_investment(address: str, wallet: Wallet, *, label: str) -> Contract:
    return add_contract(
        NewContract(kind=Contract.Kind.INVESTMENT, address=address, wallet=wallet, label=label, by=BY)
    )
