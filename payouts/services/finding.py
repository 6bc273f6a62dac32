"""Finding a distribution by what a person types."""

from payouts.models import Distribution
from payouts.services.creating import BadInput


def find_distribution(name: str) -> Distribution:
    """By uid, or by a beginning of it that fits one. Raises BadInput."""
    rows = Distribution.objects.select_related(
        "asset__payout_contract__payment_token", "asset__backing_contract"
    )
    exact = rows.filter(uid=name).first()
    if exact:
        return exact
    found = list(rows.filter(uid__startswith=name)[:2]) if len(name) >= 4 else []
    if len(found) == 1:
        return found[0]
    problem = "fits more than one distribution" if found else "is no distribution"
    raise BadInput(f"{name!r} {problem}; give the uid that create_distribution printed")
