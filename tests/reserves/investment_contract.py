"""A model of the investment contract, by the rules it publishes and apart from the code under test."""

from dataclasses import dataclass, field, replace

from hypothesis import strategies as st

from reserves.investments import Investment, ReturnType, Status, Terms

MONTH = 2_592_000
WEEK = 604_800
DAY = 86_400
T0 = 1_760_000_000


def terms_of(
    *, rate: int = 600, months: int = 12, kind: ReturnType = ReturnType.COUPON, block_days: int = 0
) -> Terms:
    return Terms(
        rate_basis_points=rate, return_months=months, return_type=kind, claim_block_seconds=block_days * DAY
    )


@dataclass
class Claim:
    next_transfer_ts: int
    amount_to_pay: int


@dataclass
class ModelContract:
    """Keeps both claim maps, the newest version's by token id and the older one's by address."""

    terms: Terms
    now: int = T0
    investments: list[Investment] = field(default_factory=list)
    claims: dict[int, Claim] = field(default_factory=dict)
    claims_of_addresses: dict[str, Claim] = field(default_factory=dict)

    def wait(self, seconds: int) -> None:
        self.now += seconds

    def invest(self, deposited: int, holder: str = "G-ANNA") -> int:
        """Returns the token id. ``deposited`` is without commission."""
        interest = deposited * self.terms.rate_basis_points // 100 // 100
        total = deposited + interest
        spread = interest if self.terms.return_type == ReturnType.COUPON else total
        made = Investment(
            terms=self.terms,
            token_id=len(self.investments),
            deposited=deposited,
            accumulated_interests=interest,
            total=total,
            claimable_ts=self.now + self.terms.claim_block_seconds,
            last_transfer_ts=0,
            status=Status.BLOCKED if self.terms.claim_block_seconds else Status.CLAIMABLE,
            regular_payment=spread // self.terms.return_months,
            paid=0,
            payments_transferred=0,
            holder=holder,
        )
        self.investments.append(made)
        self._write(made)
        return made.token_id

    def pay(self, token_id: int) -> int:
        """process_investor_payment: the units transferred, 0 if refused."""
        one = self.investments[token_id]
        is_early = one.last_transfer_ts != 0 and self.now - one.last_transfer_ts < MONTH
        if self.now < one.claimable_ts or one.status == Status.FINISHED or is_early:
            return 0
        return self._transfer(one, 1)

    def claim(self, token_id: int) -> int:
        """claim: the units transferred, 0 if refused."""
        one = self.investments[token_id]
        if self.now < one.claimable_ts or one.status == Status.FINISHED:
            return 0
        if one.last_transfer_ts == 0:
            eligible = (self.now - one.claimable_ts) // MONTH + 1
        else:
            eligible = (self.now - one.last_transfer_ts) // MONTH
        count = min(eligible, self.terms.return_months - one.payments_transferred)
        return self._transfer(one, count) if count else 0

    def check(self, reserve: int, *, is_older: bool = False) -> int:
        """check_reserve_balance."""
        claims = list((self.claims_of_addresses if is_older else self.claims).values())
        need = sum(one.amount_to_pay for one in claims if one.next_transfer_ts <= self.now + WEEK)
        return need - reserve if need > 0 and reserve < need else 0

    def _transfer(self, one: Investment, count: int) -> int:
        units = count * one.regular_payment
        is_last = one.payments_transferred + count >= self.terms.return_months
        if is_last and self.terms.return_type == ReturnType.COUPON:
            units += one.deposited
        paid = replace(
            one,
            status=Status.FINISHED if is_last else Status.CASH_FLOWING,
            paid=one.paid + units,
            last_transfer_ts=self.now,
            payments_transferred=one.payments_transferred + count,
        )
        self.investments[one.token_id] = paid
        self._write(paid)
        return units

    def _write(self, one: Investment) -> None:
        since = one.last_transfer_ts if one.last_transfer_ts > 0 else self.now
        claim = Claim(since + MONTH, one.regular_payment)
        self.claims[one.token_id] = self.claims_of_addresses[one.holder] = claim


_days = st.sampled_from([1, 7, 16, 22, 23, 24, 29, 30, 31, 60, 95]).map(lambda days: days * DAY)
# The second before and after a limit as well; never 0, so that an address writes once per ledger.
waits = st.one_of(
    st.builds(lambda days, off: days + off, _days, st.integers(-1, 1)), st.integers(1, 100 * DAY)
)
terms = st.builds(
    terms_of,
    rate=st.integers(1, 5_000),
    months=st.integers(1, 6),
    kind=st.sampled_from(ReturnType),
    block_days=st.sampled_from([0, 1, 7, 23, 29, 30, 31, 37, 180]),
)
_deposits = st.one_of(st.integers(1, 300), st.integers(10**7, 10**30))
_steps = st.one_of(
    st.tuples(st.just("invest"), _deposits, st.sampled_from(["G-ANNA", "G-BEN"])),
    st.tuples(st.sampled_from(["pay", "claim"]), st.integers(0, 5), st.just("")),
)


@st.composite
def contracts(draw: st.DrawFn) -> ModelContract:
    """A contract somewhere in its life, with one investment at least."""
    contract = ModelContract(draw(terms))
    contract.invest(draw(_deposits))
    for (step, number, holder), wait in draw(st.lists(st.tuples(_steps, waits), max_size=14)):
        contract.wait(wait)
        if step == "invest":
            contract.invest(number, holder)
        elif step == "pay":
            contract.pay(number % len(contract.investments))
        else:
            contract.claim(number % len(contract.investments))
    contract.wait(draw(waits))
    return contract
