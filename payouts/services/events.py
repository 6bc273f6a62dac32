"""What result events mean for the lines: a payment is a function of all events of (contract, key, holder).

Whoever sent the transaction, every success adds to the line it names, exactly once, in the transaction that
stores the event. Sums, counts and the earliest time do not depend on the order in which events come.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import structlog
from django.db import connection
from django.db.models import Min

from chainsync.models import ChainEvent, trouble_of
from chainsync.processors import Processor, register, register_awaited
from chainsync.services.storing import Place, process_waiting
from contracts import clock
from contracts.addresses import ZERO_ADDRESS
from contracts.doorbell import ring
from contracts.models import AuditEvent, Contract
from payouts.models import Distribution, Payment
from payouts.services.keys import KEYS, key_of, with_key
from reserves.services import reserving
from reserves.services.reserving import NewDraw

log = structlog.get_logger(__name__)
Difference = Payment.Difference
Status = Distribution.Status
ENDED = (Status.COMPLETED, Status.PARTIALLY_COMPLETED, Status.FAILED)

INTERFACE = "lccf/1.1"
MOST_SHOUTS = 20
# Differences that are more than an amount: somebody may have to ask for money back.
CRITICAL = {
    Difference.PAID_TWICE: "paid_twice",
    Difference.PAID_AFTER_REISSUE: "paid_after_reissue",
    Difference.PAID_AFTER_WAIVER: "paid_after_waiver",
    Difference.NOT_EXPECTED: "paid_unexpectedly",
}


def since(contract: Contract) -> str:
    """The record date of the oldest distribution that may still be paid: older events change nothing any more."""
    rows = Distribution.objects.filter(asset__payout_contract=contract)
    rows = rows.exclude(status__in=(Status.COMPLETED, Status.CANCELLED))
    oldest = rows.exclude(snapshot_consensus_at="").aggregate(at=Min("snapshot_consensus_at"))["at"]
    return oldest or ""


def apply_news(distribution: Distribution) -> None:
    """Applies events of this distribution that came before its plan was closed, or failed to be applied.

    In the caller's transaction, without asking the network.
    """
    if key := key_of(distribution):
        process_waiting(distribution.asset.payout_contract, key)


def not_applied(distribution: Distribution) -> dict[Place, str]:
    """Events of this distribution that are stored and have not moved its lines, with what went wrong, if known."""
    contract = distribution.asset.payout_contract
    rows = (
        ChainEvent.objects.of(contract.network, contract.address)
        .unprocessed()
        .filter(key=key_of(distribution))
    )
    return {
        (at, index): trouble_of(why)
        for at, index, why in rows.values_list("consensus_at", "log_index", "quarantine_reason")
    }


def apply_events(contract: Contract, key: str, ids: Sequence[int]) -> bool:
    """The processor: moves lines, draws on the reservation and shouts about differences, all in four statements.

    False while the distribution or the last of its lines is not here yet.
    """
    distribution = distribution_of(contract, key)
    if distribution is None or distribution.plan_closed_at is None:
        return False
    changes = _update_lines(distribution, ids)
    reserving.draw_many(
        distribution_uid=distribution.uid, draws=[_draw(distribution, *row) for row in changes["draws"]]
    )
    if distribution.status in ENDED:
        ring("payouts.settle", distribution.pk)
    _shout(distribution, changes["differing"])
    for holder, units in changes["strangers"]:
        _shout_stranger(distribution, holder, units)
    return True


def distribution_of(contract: Contract, key: str) -> Distribution | None:
    """Whose events have this key; None when it is nobody's here."""
    rows = Distribution.objects.filter(with_key(key), asset__payout_contract=contract)
    return rows.first()


def _draw(distribution: Distribution, consensus_at: str, log_index: int, units: int) -> NewDraw:
    subject = f"{distribution.uid}:{consensus_at}:{log_index}"
    return NewDraw(subject=subject, units=units, consensus_ns=clock.consensus_ns(consensus_at))


# ``paid_at`` is the earliest success that paid anything, or the earliest of all. A line that was settled before
# events were stored carries the time and the amount of its event: that event is not added again.
#
# Each line is found by its own look into the index (OFFSET keeps it so): right after a plan was written there are
# no statistics, and PostgreSQL would read all lines of the distribution to find a hundred of them.
_UPDATE = """
WITH success AS MATERIALIZED (
    SELECT one.holder, one.units::numeric AS units, event.consensus_at, event.log_index
      FROM chainsync_chainevent AS event,
           ROWS FROM (
               jsonb_array_elements_text(event.args -> 'succeeded'),
               jsonb_array_elements_text(event.args -> 'paidAmount')
           ) AS one(holder, units)
     WHERE event.id = ANY(%(ids)s) AND one.holder <> %(nobody)s
), summed AS (
    SELECT holder, sum(units) AS units, count(*) FILTER (WHERE units > 0) AS times,
           coalesce(min(consensus_at) FILTER (WHERE units > 0), min(consensus_at)) AS first_at
      FROM success GROUP BY holder
), news AS MATERIALIZED (
    SELECT summed.*, found.id AS line_id
      FROM summed LEFT JOIN LATERAL (
          SELECT id FROM payouts_payment
           WHERE distribution_id = %(distribution)s AND holder = summed.holder OFFSET 0
      ) AS found ON true
), changed AS (
    UPDATE payouts_payment AS line
       SET status = CASE WHEN line.status = 'REISSUED' THEN 'REISSUED' ELSE 'PAID' END,
           paid_units = line.paid_units + news.units,
           paid_at = CASE
               WHEN line.paid_at = '' OR (line.paid_units = 0 AND news.units > 0) THEN news.first_at
               WHEN line.paid_units > 0 AND news.units = 0 THEN line.paid_at
               ELSE least(line.paid_at, news.first_at) END,
           failure_cause = '', failure_reason = '',
           difference = CASE
               WHEN line.status = 'REISSUED' THEN 'PAID_AFTER_REISSUE'
               WHEN (line.paid_units > 0)::int + news.times > 1 THEN 'PAID_TWICE'
               WHEN line.difference IN ('PAID_TWICE', 'PAID_AFTER_WAIVER', 'NOT_EXPECTED') THEN line.difference
               WHEN line.status = 'WAIVED' THEN 'PAID_AFTER_WAIVER'
               WHEN line.status = 'SKIPPED' THEN 'NOT_EXPECTED'
               WHEN line.paid_units + news.units < line.expected_units THEN 'UNDERPAID'
               WHEN line.paid_units + news.units > line.expected_units THEN 'OVERPAID'
               ELSE '' END
      FROM news
     WHERE line.id = news.line_id
       AND (news.units > 0 OR line.status NOT IN ('SKIPPED', 'REISSUED'))
       AND NOT (line.status = 'PAID' AND line.paid_at = news.first_at AND line.paid_units = news.units)
    RETURNING line.id, line.holder, line.difference, line.expected_units, line.paid_units
)
SELECT (SELECT coalesce(jsonb_agg(jsonb_build_array(consensus_at, log_index, units)), '[]')
          FROM (SELECT consensus_at, log_index, sum(units) AS units
                  FROM success JOIN changed USING (holder) GROUP BY 1, 2) AS draw),
       (SELECT coalesce(jsonb_agg(jsonb_build_array(id, holder, difference, expected_units, paid_units)), '[]')
          FROM changed WHERE difference <> ''),
       (SELECT coalesce(jsonb_agg(jsonb_build_array(holder, units)), '[]')
          FROM news WHERE line_id IS NULL AND units > 0)
"""


def _update_lines(distribution: Distribution, ids: Sequence[int]) -> dict[str, list[Any]]:
    values: dict[str, Any] = {"ids": list(ids), "nobody": ZERO_ADDRESS, "distribution": distribution.pk}
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, values)
        found = [json.loads(column) for column in cursor.fetchone()]
    return dict(zip(("draws", "differing", "strangers"), found, strict=True))


def _shout(distribution: Distribution, differing: Iterable[Sequence[Any]]) -> None:
    """One line of the log for each difference, up to a number, and evidence for those a person must see."""
    lines = list(differing)
    for _, holder, difference, expected, paid in lines[:MOST_SHOUTS]:
        shout = log.critical if difference in CRITICAL else log.error
        shout(
            CRITICAL.get(difference, "paid_differs"),
            difference=difference,
            holder=holder,
            expected_units=expected,
            paid_units=paid,
            distribution=distribution.uid,
        )
    if len(lines) > MOST_SHOUTS:
        log.error("more_paid_differently", distribution=distribution.uid, lines=len(lines))
    AuditEvent.write_many(
        [_evidence(distribution, *line) for line in lines if line[2] in CRITICAL],
        what="difference",
        by="paydate",
    )


def _evidence(
    distribution: Distribution, pk: int, holder: str, difference: str, expected: int, paid: int
) -> tuple[Payment, str, str, str]:
    line = Payment(pk=pk, distribution=distribution, holder=holder, expected_units=expected)
    return line, "", difference, f"expected {expected}, the chain has paid {paid}"


def _shout_stranger(distribution: Distribution, holder: str, units: int) -> None:
    """Paid for our key, and in no line of ours: there is no payment to write it on."""
    log.critical("paid_a_stranger", distribution=distribution.uid, holder=holder, paid_units=units)
    AuditEvent.write(
        distribution,
        what="difference",
        target=Difference.NOT_EXPECTED,
        reason=f"the chain has paid {units} to {holder}, who is in no line",
        by="paydate",
    )


def register_processors() -> None:
    for name, key in KEYS.items():
        register(INTERFACE, (name,), Processor(key=key, apply=apply_events, since=since))
    register_awaited(contracts_at_work)


def contracts_at_work() -> Iterable[int]:
    """Those with a distribution under way: what happens on them is shown within seconds."""
    running = Distribution.objects.filter(status__in=(Status.PLANNING, Status.PROCESSING))
    # Between its record time and its payment nothing of it can happen.
    running = running.exclude(status=Status.PLANNING, snapshot_id__isnull=False, execute_at__gt=clock.now())
    return running.order_by().values_list("asset__payout_contract_id", flat=True).distinct()
