"""What an investment contract is made with."""

from dataclasses import asdict, dataclass
from typing import Any

from devnet.soroban import terms

ACTIVE, FUNDS_REACHED = 2, 3


@dataclass(frozen=True, slots=True)
class InvestmentParams:
    """As the constructor takes them: units of the token, basis points, days, months."""

    goal: int = 1_000_000_0000000
    i_rate: int = 500
    min_per_investment: int = 100_0000000
    claim_block_days: int = 0
    return_months: int = 12
    return_type: int = terms.REVERSE_LOAN

    def __post_init__(self) -> None:
        positive = ("goal", "i_rate", "min_per_investment", "return_months")
        if wrong := [name for name in positive if getattr(self, name) <= 0]:
            raise ValueError(f"must be greater than zero: {', '.join(wrong)}")
        if self.return_type not in (terms.REVERSE_LOAN, terms.COUPON):
            raise ValueError("return_type must be 1 (reverse loan) or 2 (coupon)")

    def data(self, token: str, project: str) -> dict[str, Any]:
        """ContractData as it is stored at first."""
        values = asdict(self)
        return values | {
            "interest_rate": values.pop("i_rate"),
            "next_token_id": 1,
            "project_address": project,
            "state": ACTIVE,
            "token": token,
        }
