"""Investments of one contract as its chain keeps them, and the terms they were made on. Rules only.

Amounts are base units of the payment token, times are unix seconds (UTC). Fields are named as on the chain.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from contracts.integers import I128, U32, U64

DAY_SECONDS = 86_400
PERIOD_SECONDS = 30 * DAY_SECONDS
BASIS_POINTS = 10_000

Rule = tuple[str, bool, str]


class ReturnType(IntEnum):
    REVERSE_LOAN = 1
    COUPON = 2


class Status(IntEnum):
    """The first payment ends BLOCKED and CLAIMABLE, not the passing of the block period."""

    BLOCKED = 1
    CLAIMABLE = 2
    CASH_FLOWING = 4
    FINISHED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a contract promises to all of its investors. Raises ValueError naming the field and the fix.

    The interest is flat for the whole term, ``rate_basis_points`` of what was deposited. With ``pays_rest``, as
    Paydate's own contract does it, the last instalment brings what the division into instalments cut off.
    """

    rate_basis_points: int
    return_months: int
    return_type: ReturnType
    claim_block_seconds: int
    pays_rest: bool = False

    def __post_init__(self) -> None:
        U32.check(self.rate_basis_points, field="rate_basis_points")
        U32.check(self.return_months, field="return_months")
        U64.check(self.claim_block_seconds, field="claim_block_seconds")
        _obey(self, self._rules())

    def _rules(self) -> Iterator[Rule]:
        yield "rate_basis_points", self.rate_basis_points > 0, "it is above 0 in every contract; read i_rate"
        yield "return_months", self.return_months > 0, "it is above 0 in every contract; read return_months"
        yield "return_type", self.return_type in set(ReturnType), "give 1 (reverse loan) or 2 (coupon)"
        yield (
            "claim_block_seconds",
            self.claim_block_seconds % DAY_SECONDS == 0,
            f"the chain keeps whole days; give claim_block_days x {DAY_SECONDS}",
        )

    @property
    def is_coupon(self) -> bool:
        return self.return_type == ReturnType.COUPON

    def interest_units(self, deposited: int) -> int:
        """For the whole term, rounded down."""
        return deposited * self.rate_basis_points // BASIS_POINTS

    def instalment_units(self, deposited: int) -> int:
        """Rounded down; what is cut off is never paid, unless the last instalment brings it. A coupon's last one has
        the principal on top.
        """
        interest = self.interest_units(deposited)
        return (interest if self.is_coupon else deposited + interest) // self.return_months


@dataclass(frozen=True, slots=True, kw_only=True)
class Investment:
    """One investment as read, with its contract's terms. Raises ValueError naming the field and the fix.

    ``holder`` is needed for contracts of the older version only, which keep one claim per address; they have
    no token ids either: number their investments.
    """

    terms: Terms
    token_id: int
    deposited: int
    accumulated_interests: int
    total: int
    claimable_ts: int
    last_transfer_ts: int
    status: Status
    regular_payment: int
    paid: int
    payments_transferred: int
    holder: str = ""

    def __post_init__(self) -> None:
        for field in ("token_id", "payments_transferred"):
            U32.check(getattr(self, field), field=field)
        for field in ("claimable_ts", "last_transfer_ts"):
            U64.check(getattr(self, field), field=field)
        for field in ("deposited", "accumulated_interests", "total", "regular_payment", "paid"):
            I128.check(getattr(self, field), field=field)
        _obey(self, self._rules_of_amounts())
        _obey(self, self._rules_of_payments())

    def _rules_of_amounts(self) -> Iterator[Rule]:
        interest = self.terms.interest_units(self.deposited)
        instalment = self.terms.instalment_units(self.deposited)
        reread = "read terms and investment of the same contract"
        yield "deposited", self.deposited >= 0, "it is never negative; read it as a signed i128"
        yield (
            "accumulated_interests",
            self.accumulated_interests == interest,
            f"the terms give {interest}; {reread}",
        )
        yield (
            "total",
            self.total == self.deposited + interest,
            f"the terms give {self.deposited + interest}; {reread}",
        )
        yield "regular_payment", self.regular_payment == instalment, f"the terms give {instalment}; {reread}"

    def _rules_of_payments(self) -> Iterator[Rule]:
        months, count, paid = (
            self.terms.return_months,
            self.payments_transferred,
            self._units_after_payments(),
        )
        is_over = count == months
        at_once = "read all fields in one answer of the chain"
        yield "payments_transferred", count <= months, f"the terms allow {months}; read the terms again"
        yield "paid", self.paid == paid, f"{count} payments make {paid}; {at_once}"
        yield (
            "status",
            self.status in set(Status),
            "the chain knows 1, 2, 4 and 5; this version is not supported",
        )
        yield (
            "status",
            (self.status == Status.FINISHED) == is_over,
            f"{count} of {months} payments were made and only the last one makes it 5; {at_once}",
        )
        yield (
            "last_transfer_ts",
            self.last_transfer_ts >= max(1, self.claimable_ts) if count else self.last_transfer_ts == 0,
            f"it is 0 before the first payment and never before claimable_ts; {at_once}",
        )
        yield (
            "claimable_ts",
            self.claimable_ts >= self.terms.claim_block_seconds,
            "it is the time of investing plus the block period; give both in seconds",
        )

    def _units_after_payments(self) -> int:
        return self.payments_transferred * self.regular_payment + (
            self.principal_units if self.is_finished else 0
        )

    @property
    def is_finished(self) -> bool:
        return self.payments_transferred == self.terms.return_months

    @property
    def invested_ts(self) -> int:
        return self.claimable_ts - self.terms.claim_block_seconds

    @property
    def principal_units(self) -> int:
        """What the last payment has on top of its instalment."""
        if self.terms.pays_rest:
            return self.total - self.terms.return_months * self.regular_payment
        return self.deposited if self.terms.is_coupon else 0

    @property
    def instalments_left(self) -> int:
        return self.terms.return_months - self.payments_transferred


def _obey(subject: Terms | Investment, rules: Iterator[Rule]) -> None:
    for field, is_obeyed, fix in rules:
        if not is_obeyed:
            raise ValueError(f"{field} is {getattr(subject, field)}: {fix}")
