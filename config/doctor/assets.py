"""The registered assets: would their payout contracts pay today?"""

from collections.abc import Iterator, Mapping

from django.conf import settings

from config.doctor.findings import Finding, from_sentence, ok
from config.doctor.registry import check
from contracts.gateways.mirror import mirror
from contracts.models import Asset
from payouts.services.preflight import problems_on_chain, why_blocked

GROUP = "Assets"


def assets() -> Mapping[str, Asset]:
    rows = Asset.objects.filter(network=f"hedera-{settings.HEDERA_NETWORK}").order_by("symbol", "pk")
    found = rows.select_related(
        "payout_contract__wallet", "payout_contract__payment_token", "backing_contract"
    )
    return {f"{asset.symbol} {asset.address}": asset for asset in found}


@check(GROUP, "asset", needs=("network",), each=assets, fix="check the addresses of asset and contract")
def would_pay(asset: Asset) -> Finding | list[Finding]:
    problems = [from_sentence(text) for text in _problems(asset)]
    return problems or ok(f"its payout contract {asset.payout_contract.address} would pay")


def _problems(asset: Asset) -> Iterator[str]:
    """Without those of its wallet, which has lines of its own."""
    if blocked := why_blocked(asset):
        yield blocked
    yield from problems_on_chain(asset)
    contract = asset.payout_contract
    token = contract.payment_token.address
    # Only tokens of the token service know associations.
    if mirror().token(token) and mirror().account_token(contract.address, token) is None:
        yield (
            f"the payout contract {contract.address} is not associated with its payment token {token}; "
            "associate it, or every payment fails"
        )
