"""Is this the database that this Paydate was given? A copy that is started elsewhere must sign nothing.

The database remembers who it belongs to: PAYDATE_INSTANCE_ID, PostgreSQL's system identifier, and the number of
the database in its cluster, which a restored dump has anew. A copy of the files keeps all three; that one is
found by what it sends (see fencing.py).
"""

import time
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction

from contracts import clock
from contracts.models import AuditEvent, ContractTransaction, Hold, Installation
from contracts.services.holds import PAYDATE, place_hold

log = structlog.get_logger(__name__)
CLAIM = 'manage.py claim_wallets --reason "..."'
# A process keeps its settings, and a copy of the database is another server: nothing is missed meanwhile.
REMEMBERED_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Server:
    """``system_identifier`` is empty when PostgreSQL does not tell it to this user."""

    system_identifier: str
    database_oid: int


@dataclass(frozen=True, slots=True)
class _Answer:
    problem: str | None
    is_recorded: bool
    instance_id: str
    at: float

    def is_fresh(self) -> bool:
        young = time.monotonic() - self.at < REMEMBERED_SECONDS
        return young and self.instance_id == settings.PAYDATE_INSTANCE_ID


_last: _Answer | None = None


def identity_problem() -> str | None:
    """Why nothing may be planned, signed or sent for the first time with this database, and the fix; else None."""
    return _answer().problem


def take_into_use() -> str | None:
    """Like ``identity_problem``, and writes down at first use whose database this is. Asked before signing."""
    answer = _answer()
    if answer.problem is None and not answer.is_recorded:
        _record_first_use()
    return answer.problem


def forget() -> None:
    """The next question is put to the database again."""
    global _last
    _last = None


def server() -> Server:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT oid::bigint, has_function_privilege('pg_control_system()', 'EXECUTE')"
            " FROM pg_database WHERE datname = current_database()"
        )
        oid, may_ask = cursor.fetchone()
        identifier = ""
        if may_ask:
            cursor.execute("SELECT system_identifier::text FROM pg_control_system()")
            (identifier,) = cursor.fetchone()
    return Server(identifier, oid)


def record_claim(found: Server, *, by: str, reason: str) -> None:
    """A person's word that this database belongs to this Paydate, here, from now on. In the caller's transaction."""
    known = Installation.objects.select_for_update().first()
    source = _words(known) if known else ""
    claimed, _ = Installation.objects.update_or_create(is_only=True, defaults=_columns(found, by, reason))
    AuditEvent.write(claimed, what="claim", source=source, target=_words(claimed), reason=reason, by=by)
    transaction.on_commit(forget)


def _record_first_use() -> None:
    columns = _columns(server(), PAYDATE, "first use")
    with transaction.atomic():
        known, is_new = Installation.objects.get_or_create(is_only=True, defaults=columns)
        if is_new:
            AuditEvent.write(known, what="claim", target=_words(known), reason=known.reason, by=PAYDATE)
    forget()


def _columns(found: Server, by: str, reason: str) -> dict[str, Any]:
    return {
        "instance_id": settings.PAYDATE_INSTANCE_ID,
        "system_identifier": found.system_identifier,
        "database_oid": found.database_oid,
        "claimed_by": by,
        "claimed_at": clock.now(),
        "reason": reason,
    }


def hold_everything(problem: str) -> None:
    """Opens the hold that a claim lifts; once, because every distribution is told of it."""
    if not fence_hold_on_everything():
        reason = f"fence: {problem}"
        place_hold(scope=Hold.Scope.GLOBAL, cause=Hold.Cause.FENCE, reason=reason, needs_operator=True)
        log.critical("identity_mismatch", problem=problem)


def fence_hold_on_everything() -> Hold | None:
    return Hold.objects.open().filter(scope=Hold.Scope.GLOBAL, cause=Hold.Cause.FENCE).first()


def _answer() -> _Answer:
    global _last
    answer = _last
    if answer is None or not answer.is_fresh():
        known, found = Installation.objects.first(), server()
        problem = _unclaimed_problem(found) if known is None else _mismatch(known, found)
        answer = _Answer(problem, known is not None, settings.PAYDATE_INSTANCE_ID, time.monotonic())
        _last = answer
    return answer


def _unclaimed_problem(found: Server) -> str | None:
    """A database from before identities were written down belongs to whom its newest call names."""
    if not found.system_identifier:
        return (
            "PostgreSQL does not tell this user its system identifier, so a copy of this database could not be told"
            " from it: run GRANT EXECUTE ON FUNCTION pg_control_system() TO this user as an administrator, or, if"
            f" that is impossible, accept it with {CLAIM}"
        )
    rows = ContractTransaction.objects.exclude(memo="")
    memo = rows.order_by("-pk").values_list("memo", flat=True).first()
    named = memo.split(":")[1] if memo and memo.startswith("pd1:") else None
    return _other_instance(named) if named not in (None, settings.PAYDATE_INSTANCE_ID) else None


def _mismatch(known: Installation, found: Server) -> str | None:
    if known.instance_id != settings.PAYDATE_INSTANCE_ID:
        return _other_instance(known.instance_id)
    is_same_cluster = known.system_identifier in ("", found.system_identifier)
    if is_same_cluster and known.database_oid == found.database_oid:
        return None
    now = found.system_identifier or "not told to this user"
    return (
        f"this database was copied, restored or upgraded: it was database {known.database_oid} of the PostgreSQL system"
        f" {known.system_identifier or 'unknown'}, and is database {found.database_oid} of {now}; if it is to replace"
        f" the original, stop every process that uses the original and run {CLAIM}"
    )


def _other_instance(named: str | None) -> str:
    return (
        f"this database belongs to the Paydate {named!r}, and PAYDATE_INSTANCE_ID is"
        f" {settings.PAYDATE_INSTANCE_ID!r}: correct the setting, or, if this Paydate takes the database over, stop"
        f" the other one and run {CLAIM}"
    )


def _words(known: Installation) -> str:
    cluster = known.system_identifier or "unknown"
    return f"{known.instance_id} in PostgreSQL system {cluster}, database {known.database_oid}"
