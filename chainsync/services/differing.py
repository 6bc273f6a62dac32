"""Differences between stored events and the chain: found, found once more, gone, and resolved by a person."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import structlog
from django.db import transaction

from chainsync.followed import Followed
from chainsync.models import Difference, DifferenceQuerySet, EventListener
from chainsync.services.announcing import tell_differences
from chainsync.services.comparing import Compared, Differing
from chainsync.sums import Mismatch
from contracts import clock
from contracts.amounts import counted
from contracts.models import AuditEvent
from contracts.services.holds import PAYDATE

log = structlog.get_logger(__name__)
Kind = Difference.Kind
NOBODY: dict[str, Any] = {"healed_at": None, "resolved_at": None, "resolved_by": "", "resolution": ""}


@transaction.atomic
def note_day(followed: Followed, found: Compared, *, shown: int) -> None:
    """Writes down what a comparison found, one row for each kind, and closes what it found no more.

    ``shown`` says of how many examples of unlisted events their transactions' results are there.
    """
    until = found.period.until
    if found.missed.count:
        _note_missed(followed, found)
    differing = {
        Kind.NOT_ON_CHAIN: (found.not_on_chain, _not_on_chain_words(found.not_on_chain, shown)),
        Kind.OTHER_BYTES: (found.other_bytes, _other_bytes_words(found.other_bytes)),
    }
    for kind, (events, words) in differing.items():
        if events.count:
            row = _locked(followed, kind, day=found.period.day, subject="")
            is_other = _places(events) not in row.words
            _note(row, {"count": events.count, "words": words, "compared_until": until}, is_other=is_other)
        else:
            _heal(followed, kind, {"day": found.period.day, "compared_until__lte": until}, until)


@transaction.atomic
def note_sum(followed: Followed, key: str, mismatch: Mismatch | None, *, until: str) -> None:
    """Writes down that the sum of a key differs, once, on whichever day that is found; or that it does not."""
    if mismatch is None:
        _heal(followed, Kind.PAID_SUM, {"subject": key}, until)
        return
    known = _open_sums(followed).filter(subject=key).first()
    day = known.day if known else clock.from_ns(clock.consensus_ns(mismatch.first_at)).date()
    row = _locked(followed, Kind.PAID_SUM, day=day, subject=key)
    sums = {
        "count": mismatch.count,
        "expected_units": mismatch.expected_units,
        "found_units": mismatch.found_units,
    }
    is_other = any(getattr(row, name) != value for name, value in sums.items())
    _note(row, {**sums, "words": mismatch.words, "compared_until": until}, is_other=is_other)


@transaction.atomic
def resolve(difference: Difference, *, reason: str, by: str) -> bool:
    """A person's word that nothing is left to do; False when it is over already. It opens again when other figures
    are found."""
    resolved = {"resolved_at": clock.now(), "resolved_by": by, "resolution": reason}
    if not Difference.objects.open().filter(pk=difference.pk).update(**resolved):
        return False
    AuditEvent.write(difference, what="difference resolved", reason=reason, by=by)
    log.info("difference_resolved", difference=difference.pk, kind=difference.kind)
    listener = EventListener.objects.filter(network=difference.network, address=difference.address).first()
    if listener is not None:
        tell_differences(listener)
    return True


def keys_that_differed(followed: Followed) -> set[str]:
    """Those whose sums differed when they were last compared."""
    return set(_open_sums(followed).values_list("subject", flat=True))


def _open_sums(followed: Followed) -> DifferenceQuerySet:
    rows = Difference.objects.of(followed.network, followed.address)
    return rows.open().filter(kind=Kind.PAID_SUM)


def _note_missed(followed: Followed, found: Compared) -> None:
    """Over as soon as it is written: what was missed has been added."""
    missed, day = found.missed, found.period.day
    row = _locked(followed, Kind.MISSED, day=day, subject="")
    now = clock.now()
    row.count += missed.count
    row.words = f"{counted(missed.count, 'event')} that no reading had shown, now added: {_places(missed)}"
    row.seen_at, row.compared_until = now, found.period.until
    row.healed_at, row.resolution = now, f"added at {_moment()}"
    row.save()
    AuditEvent.write(row, what="events missed", reason=row.words, by=PAYDATE)
    log.warning("events_missed", address=followed.address, day=str(day), events=missed.count)


def _note(row: Difference, columns: Mapping[str, Any], *, is_other: bool) -> None:
    """What a person has resolved stays so until ``is_other``; what had vanished and is back is open."""
    is_new = row.pk is None
    is_open_again = not is_new and (row.healed_at is not None or (row.resolved_at is not None and is_other))
    for name, value in {**columns, "seen_at": clock.now(), **(NOBODY if is_open_again else {})}.items():
        setattr(row, name, value)
    row.save()
    if is_new or is_open_again or is_other:
        what = "difference found again" if is_open_again else "difference found"
        AuditEvent.write(row, what=what, reason=row.words, by=PAYDATE)
        log.error(
            "differs_from_chain",
            difference=row.pk,
            kind=str(row.kind),
            address=row.address,
            words=row.words,
        )


def _locked(followed: Followed, kind: str, *, day: date, subject: str) -> Difference:
    """The row, or a new one that is not stored yet. One comparison of a contract runs at a time."""
    key: dict[str, Any] = {
        "network": followed.network,
        "address": followed.address,
        "kind": kind,
        "day": day,
        "subject": subject,
    }
    return Difference.objects.select_for_update().filter(**key).first() or Difference(**key)


def _heal(followed: Followed, kind: str, which: Mapping[str, Any], until: str) -> None:
    """A comparison that did not reach as far as the one that found it says nothing."""
    rows = Difference.objects.of(followed.network, followed.address).open().filter(kind=kind, **which)
    words = f"found equal at {_moment()}, compared up to {until}"
    for row in rows.select_for_update():
        Difference.objects.filter(pk=row.pk).update(healed_at=clock.now(), resolution=words)
        AuditEvent.write(row, what="difference gone", reason=words, by=PAYDATE)
        log.info("difference_gone", difference=row.pk, kind=str(kind), address=followed.address)


def _not_on_chain_words(unlisted: Differing, shown: int) -> str:
    return (
        f"{counted(unlisted.count, 'event')} found in a transaction's result once, and not in the mirror node's list "
        f"now: {_places(unlisted)}. The results of their transactions show {shown} of the {len(unlisted.first)} "
        "looked up. The list may be incomplete, or it is another mirror node's: nothing was taken back"
    )


def _other_bytes_words(other: Differing) -> str:
    return (
        f"{counted(other.count, 'event')} stored with other topics, data or amounts than the chain shows: "
        f"{_places(other)}. Nothing was changed"
    )


def _places(events: Differing) -> str:
    places = ", ".join(f"{event.consensus_at} log {event.log_index}" for event in events.first)
    more = events.count - len(events.first)
    return f"{places} and {more:,} more" if more else places


def _moment() -> str:
    return f"{clock.now():%Y-%m-%d %H:%M:%S} UTC"
