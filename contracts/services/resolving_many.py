"""Resolving many at once: the payer's list and a contract's logs tell of a hundred calls in one answer each.

Only what is plain ends here: bytes that are ours by their hash, a success, and the log it left. Everything else,
and all that stays unseen, is left to the look at each transaction alone.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

import structlog
from django.db import connection, transaction

from contracts import clock, gates
from contracts.doorbell import ring
from contracts.gateways.errors import GatewayError
from contracts.gateways.mirror import Log, ResultSummary, TransactionRecord, mirror
from contracts.models import ContractTransaction
from contracts.services.resolving import FOUND, SUCCEEDED, decoded_events
from contracts.services.sweeping import single_flight
from contracts.transitions import record_moves

log = structlog.get_logger(__name__)
Status = ContractTransaction.Status

RESOLVE_LOCK = 0x5041_5945 << 32
# Fewer are as cheap to ask for one by one, and such an answer holds more.
LEAST = 3
# Results come with their data: a hundred are some megabytes.
MOST = 100
MOST_RECORDS = 1_000
FRESH_FOR = timedelta(seconds=30)
# How far the chain's clock may be behind ours before only the look at each finds a call.
CLOCK_SKEW_NS = 2 * clock.NANOSECONDS
NEXT_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Found:
    """A call of ours, its record, what it left behind and what it cost."""

    row: ContractTransaction
    record: TransactionRecord
    logs: list[Log]
    gas_used: int | None


def resolve_sent(wallet_id: int) -> None:
    """One look at everything that was sent from a wallet in the last half minute."""
    with single_flight(RESOLVE_LOCK + wallet_id) as is_mine:
        if is_mine and (rows := _fresh(wallet_id)):
            _resolve(rows)
            if ContractTransaction.objects.filter(wallet_id=wallet_id, status=Status.SUBMITTED).exists():
                ring("contracts.resolve_sent", wallet_id, after=NEXT_LOOK_SECONDS)


def _fresh(wallet_id: int) -> list[ContractTransaction]:
    sent = ContractTransaction.objects.filter(
        wallet_id=wallet_id, status=Status.SUBMITTED, broadcast_started_at__gt=clock.now() - FRESH_FOR
    )
    return list(sent.defer("arguments", "result").select_related("wallet").order_by("pk")[:MOST])


def _resolve(rows: list[ContractTransaction]) -> None:
    if len(rows) < LEAST:
        for row in rows:
            ring("contracts.resolve_transaction", row.pk)
        return
    try:
        found = list(_found(rows, _records(rows)))
    except GatewayError as error:
        log.info("not_resolved_at_once", error=str(error), rows=len(rows))
        return
    for one in found:
        FOUND.reach(one.row.subject)
    for subject in _succeed(found):
        SUCCEEDED.reach(subject)


def _records(rows: list[ContractTransaction]) -> dict[str, TransactionRecord]:
    """What the payer's list says about these calls, by transaction id."""
    wanted = {row.transaction_id for row in rows}
    first = min(row.broadcast_started_at for row in rows if row.broadcast_started_at)
    since_ns = int(first.timestamp() * 1_000_000) * 1_000 - CLOCK_SKEW_NS
    told = mirror().account_transactions(rows[0].wallet.account, since_ns=since_ns)
    return {
        record.transaction_id: record
        for record in islice(told, MOST_RECORDS)
        if record.transaction_id in wanted and not record.nonce and record.result != "DUPLICATE_TRANSACTION"
    }


def _found(rows: list[ContractTransaction], records: dict[str, TransactionRecord]) -> Iterator[Found]:
    """The plain successes. What failed is rung for at once: its words need a look of their own."""
    ours = _hashes(rows)
    by_target: dict[str, list[tuple[ContractTransaction, TransactionRecord]]] = defaultdict(list)
    for row in rows:
        record = records.get(row.transaction_id or "")
        if record is None:
            continue
        if record.result == "SUCCESS" and record.name == "CONTRACTCALL" and record.hash.hex() in ours[row.pk]:
            by_target[row.target].append((row, record))
        else:
            ring("contracts.resolve_transaction", row.pk)
    for target, pairs in by_target.items():
        yield from _with_results(target, pairs)


def _hashes(rows: list[ContractTransaction]) -> dict[int, set[str]]:
    hashes: dict[int, set[str]] = defaultdict(set)
    bodies = ContractTransaction.objects.filter(pk__in=[row.pk for row in rows]).exclude(bodies__hash="")
    for pk, digest in bodies.values_list("pk", "bodies__hash"):
        hashes[pk].add(digest)
    return hashes


def _with_results(target: str, pairs: list[tuple[ContractTransaction, TransactionRecord]]) -> Iterator[Found]:
    """A call whose log or gas the mirror node does not show yet is left for later: a list does not say what is
    partial, a result without its gas is.
    """
    times = sorted(record.consensus_at for _, record in pairs)
    logs: dict[str, list[Log]] = defaultdict(list)
    for entry in mirror().logs(target, since=times[0], until=times[-1]):
        logs[entry.consensus_at].append(entry)
    results: dict[str, ResultSummary] = {
        result.consensus_at: result
        for result in mirror().contract_results(target, since=times[0], until=times[-1])
    }
    for row, record in pairs:
        at = record.consensus_at
        if logs[at] and at in results and results[at].gas_used is not None:
            yield Found(row, record, logs[at], results[at].gas_used)


def _succeed(found: list[Found]) -> list[str]:
    """Moves all of them in one transaction and tells their owners; returns the subjects that moved."""
    if not found:
        return []
    by_pk = {one.row.pk: one for one in found}
    with transaction.atomic():
        moved = [by_pk[pk] for pk in _update(found)]
        for one in moved:
            _note(one)
        record_moves(
            (one.row, Status.SUBMITTED, Status.SUCCEEDED, "found on chain, successful") for one in moved
        )
        for one in moved:
            gates.tell(one.row, Status.SUCCEEDED)
    return [one.row.subject for one in moved]


def _note(one: Found) -> None:
    one.row.status, one.row.consensus_at = Status.SUCCEEDED, one.record.consensus_at


def _update(found: Iterable[Found]) -> list[int]:
    """Compare-and-set on SUBMITTED for all in one statement; the ids of those that moved."""
    columns = zip(*(_columns(one) for one in found), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE contracts_contracttransaction AS call
               SET status = 'SUCCEEDED', waiting_reason = '', tries = 0, resolved_at = %s,
                   consensus_at = news.consensus_at, hash = news.hash, fee_units = news.fee,
                   gas_used = news.gas, result = news.result::jsonb
              FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::text[])
                   AS news(id, consensus_at, hash, fee, gas, result)
             WHERE call.id = news.id AND call.status = 'SUBMITTED'
            RETURNING call.id
            """,
            [clock.now(), *(list(column) for column in columns)],
        )
        return [pk for (pk,) in cursor.fetchall()]


def _columns(one: Found) -> tuple[int, str, str, int, int | None, str]:
    result = {"output": [], "events": decoded_events(one.row, one.logs)}
    record = one.record
    return (
        one.row.pk,
        record.consensus_at,
        record.hash.hex(),
        record.charged_fee,
        one.gas_used,
        json.dumps(result, separators=(",", ":")),
    )
