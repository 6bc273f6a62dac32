"""What the contract itself answers about its reserve, and why that differs from the calendar. Rules only.

``check_reserve_balance`` looks at one claim per investment (in the older version: per address), written when
it was made and after each payment: due 30 days later, worth one instalment. It adds up the claims due within
seven days from now, however long ago, and subtracts the reserve. Paydate's own contract counts all that is due by then.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from contracts.integers import I128, U64
from reserves.calendar import due_by, due_within, of_one_contract, units_of_next
from reserves.investments import DAY_SECONDS, PERIOD_SECONDS, Investment

CONTRACT_HORIZON_SECONDS = 7 * DAY_SECONDS


class ClaimsBy(Enum):
    """What the newest and the older version keep claims by; there, the last one written stands for an address.
    Paydate's own contract has a schedule instead.
    """

    TOKEN_ID = auto()
    ADDRESS = auto()
    SCHEDULE = auto()


class Cause(StrEnum):
    """Why the contract's number is not the calendar's."""

    FINISHED = "FINISHED"
    BLOCK_IGNORED = "BLOCK_IGNORED"
    NOT_FORESEEN = "NOT_FORESEEN"
    OVERWRITTEN = "OVERWRITTEN"
    COUNTED_ONCE = "COUNTED_ONCE"
    PRINCIPAL = "PRINCIPAL"
    HORIZON = "HORIZON"
    RESERVE = "RESERVE"

    @property
    def words(self) -> str:
        return WORDS[self]


WORDS = {
    Cause.FINISHED: "finished investments are still counted",
    Cause.BLOCK_IGNORED: "the block period is ignored: payments are counted that are not due yet",
    Cause.NOT_FORESEEN: "a first payment is not foreseen until 23 days after the investment",
    Cause.OVERWRITTEN: "the claim was overwritten by another one of the same address",
    Cause.COUNTED_ONCE: "of several payments due to an investor only one is counted",
    Cause.PRINCIPAL: "the principal that comes with a coupon's last payment is not counted",
    Cause.HORIZON: "the contract looks seven days ahead, the calendar more or fewer",
    Cause.RESERVE: "the reserve covers this part of what was counted differently",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """``units`` by which the contract counts one investment too high (above 0) or too low (below 0)."""

    cause: Cause
    token_id: int
    units: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Both answers to "how much is missing in the reserve", and what makes them differ, investment by investment.

    The needs are before the reserve is subtracted; the findings add up to their difference.
    """

    contract_units: int
    own_units: int
    contract_need_units: int
    own_need_units: int
    findings: tuple[Finding, ...]

    @property
    def units(self) -> int:
        """Above 0: the contract asks for more than is due."""
        return self.contract_units - self.own_units


@dataclass(frozen=True, slots=True)
class Reason:
    """A part of a difference, signed as it is; ``token_ids`` are the investments it comes from, if any."""

    cause: Cause
    units: int
    token_ids: tuple[int, ...]


def contract_answer(
    investments: Sequence[Investment],
    now: int,
    reserve_units: int,
    *,
    claims_by: ClaimsBy = ClaimsBy.TOKEN_ID,
) -> int:
    """What check_reserve_balance returns at ledger time ``now``, flaws included: missing units, or 0."""
    return missing_units(_contract_need(investments, now, claims_by), reserve_units)


def own_answer(
    investments: Sequence[Investment],
    now: int,
    reserve_units: int,
    *,
    horizon_seconds: int = CONTRACT_HORIZON_SECONDS,
) -> int:
    """What the reserve really lacks for arrears and for what falls due within the horizon, or 0."""
    return missing_units(due_within(investments, now, horizon_seconds).units, reserve_units)


def missing_units(need_units: int, reserve_units: int) -> int:
    """As the contract does it: a reserve below zero is missing only if something is needed."""
    I128.check(reserve_units, field="reserve_units")
    return max(0, need_units - reserve_units) if need_units > 0 else 0


def compare(
    investments: Sequence[Investment],
    now: int,
    reserve_units: int,
    *,
    horizon_seconds: int = CONTRACT_HORIZON_SECONDS,
    claims_by: ClaimsBy = ClaimsBy.TOKEN_ID,
) -> Difference:
    """Both answers at ``now``. Raises ValueError as ``due_within`` does."""
    contract_need = _contract_need(investments, now, claims_by)
    own_need = due_within(investments, now, horizon_seconds).units
    kept = _kept(investments, claims_by)
    return Difference(
        contract_units=missing_units(contract_need, reserve_units),
        own_units=missing_units(own_need, reserve_units),
        contract_need_units=contract_need,
        own_need_units=own_need,
        findings=tuple(
            finding
            for one in investments
            for finding in (
                _by_horizon(one, now, now + horizon_seconds)
                if claims_by is ClaimsBy.SCHEDULE
                else _findings(one, now, now + horizon_seconds, is_kept=one.token_id in kept)
            )
        ),
    )


def explain(difference: Difference) -> list[Reason]:
    """The causes, each once, in a fixed order; their units add up to ``difference.units`` exactly.

    Where the reserve covers all of a need, or more than that, a part of what was counted differently shows in
    neither answer: that part is taken back by the last reason.
    """
    reasons = [_reason(cause, difference.findings) for cause in Cause]
    differs_by_need = difference.contract_need_units - difference.own_need_units
    reasons.append(Reason(Cause.RESERVE, difference.units - differs_by_need, ()))
    return [reason for reason in reasons if reason.units]


def _reason(cause: Cause, findings: Iterable[Finding]) -> Reason:
    found = [one for one in findings if one.cause == cause]
    return Reason(cause, sum(one.units for one in found), tuple(one.token_id for one in found))


def _claim_ts(investment: Investment) -> int:
    """When the contract believes the next instalment to be due."""
    return (investment.last_transfer_ts or investment.invested_ts) + PERIOD_SECONDS


def _is_claim_next(investment: Investment, now: int) -> bool:
    """There is no lower bound, as on chain."""
    return _claim_ts(investment) <= now + CONTRACT_HORIZON_SECONDS


def _contract_need(investments: Sequence[Investment], now: int, claims_by: ClaimsBy) -> int:
    U64.check(now, field="now")
    if claims_by is ClaimsBy.SCHEDULE:
        return due_within(investments, now, CONTRACT_HORIZON_SECONDS).units
    kept = _kept(of_one_contract(investments), claims_by)
    return sum(
        one.regular_payment for one in investments if one.token_id in kept and _is_claim_next(one, now)
    )


def _kept(investments: Sequence[Investment], claims_by: ClaimsBy) -> set[int]:
    """Token ids of the investments whose claim was not overwritten: per address the last one made or paid."""
    if claims_by is not ClaimsBy.ADDRESS:
        return {one.token_id for one in investments}
    last: dict[str, Investment] = {}
    for one in investments:
        if not one.holder:
            raise ValueError(
                f"holder of token_id {one.token_id} is empty: the older version keeps claims by address"
            )
        last[one.holder] = max(last.get(one.holder, one), one, key=_written)
    return {one.token_id for one in last.values()}


def _written(investment: Investment) -> tuple[int, int]:
    # Within one second the chain does not tell the order; numbers are given in the order of investing.
    return _claim_ts(investment), investment.token_id


def _by_horizon(investment: Investment, now: int, until: int) -> Iterator[Finding]:
    """The only reason there is where the contract has the same schedule."""
    near, due = due_by(investment, now + CONTRACT_HORIZON_SECONDS), due_by(investment, until)
    if units := units_of_next(investment, near) - units_of_next(investment, due):
        yield Finding(Cause.HORIZON, investment.token_id, units)


def _findings(investment: Investment, now: int, until: int, *, is_kept: bool) -> Iterator[Finding]:
    for cause, count in _counts(investment, now, until, is_kept=is_kept):
        if units := count * investment.regular_payment:
            yield Finding(cause, investment.token_id, units)
    due = due_by(investment, until)
    if principal := units_of_next(investment, due) - due * investment.regular_payment:
        yield Finding(Cause.PRINCIPAL, investment.token_id, -principal)


def _counts(investment: Investment, now: int, until: int, *, is_kept: bool) -> Iterator[tuple[Cause, int]]:
    """Instalments the contract counts too many or too few, by cause.

    They add up to what it counts (0 or 1) minus what is due by ``until``: the terms in between cancel out.
    """
    is_claimed = _is_claim_next(investment, now)
    near, due = due_by(investment, now + CONTRACT_HORIZON_SECONDS), due_by(investment, until)
    both = min(near, due)
    yield _cause_of_first(investment, is_claimed, near), int(is_claimed and is_kept) - min(near, 1)
    yield Cause.COUNTED_ONCE, min(both, 1) - both
    yield Cause.HORIZON, min(near, 1) - min(both, 1) + both - due


def _cause_of_first(investment: Investment, is_claimed: bool, near: int) -> Cause:
    """Why the only instalment the contract can count is counted although not due, or not counted although due."""
    if near:
        return Cause.OVERWRITTEN if is_claimed else Cause.NOT_FORESEEN
    return Cause.FINISHED if investment.is_finished else Cause.BLOCK_IGNORED
