"""One script for both peers. Every case is a question, or a short exchange, and its answer in the normal form."""

from collections.abc import Iterator

from tests.soroban.conformance import events, investors, making, owners, transactions
from tests.soroban.conformance.stage import Case, Stage

SCENES = (
    making.network,
    making.making,
    making.constructor,
    making.views,
    investors.investing,
    investors.checks,
    investors.payments,
    investors.refused_payments,
    investors.books,
    owners.control,
    owners.passing_on,
    transactions.authorisation,
    transactions.refused,
    transactions.without_resources,
    transactions.sending,
    transactions.lives,
    events.events,
    owners.code,
)


class Script(Stage):
    """`cases` runs it once: each scene goes on where the one before ended."""

    def cases(self) -> Iterator[Case]:
        self.fund()
        for scene in SCENES:
            yield from scene(self)
