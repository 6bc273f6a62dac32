"""Whether every listener is looked at in time, and people who are told when one is not.

Two intervals without a successful look are one too many. That is noted at once and told a little later: after a start,
a switch or a change of interval the next look comes within seconds, and nobody is to be called for it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Min

from chainsync.followed import as_people_know
from chainsync.models import ChainEvent, EventListener
from chainsync.services.following import followed_listeners, urgent_listeners
from contracts import clock
from contracts.amounts import counted
from contracts.gateways.web import without_addresses
from contracts.models import Asset, Contract, Notice
from contracts.services.notices import moment, open_notice, resolve_notice, subject_of
from contracts.services.sweeping import single_flight

Cause = Notice.Cause
# Rows that people know by their own pages, and that notices can be about.
Subject = Contract | Asset | EventListener

WATCH_LOCK = 0x5041_5944_000B
INTERVALS = 2
# With a tick of five seconds before it and behind it, people are told well within a minute.
PATIENCE = timedelta(seconds=30)
LONGEST_QUOTE = 1_000
NO_REASON = (
    "none is written down. Either no worker takes the looks, or one is still under way, or the chain's side shows "
    "less than what is known already"
)


@dataclass(frozen=True, slots=True)
class Overdue:
    """A listener that was not looked at with success for two of its intervals."""

    listener: EventListener
    interval: timedelta


def last_success(listener: EventListener) -> datetime:
    """When a look last succeeded; for one that was never read, when it was made."""
    return listener.read_at or listener.created_at


def overdue(now: datetime, rows: Iterable[EventListener] | None = None) -> list[Overdue]:
    """The enabled listeners that were not looked at with success for two intervals, in the order of their numbers.

    ``rows`` saves whoever has the followed ones from reading them again.
    """
    urgent = set(urgent_listeners().values_list("pk", flat=True))
    rows = followed_listeners().order_by("pk") if rows is None else rows
    found = [Overdue(row, _interval(row, is_urgent=row.pk in urgent)) for row in rows]
    return [one for one in found if now - last_success(one.listener) > INTERVALS * one.interval]


def watch() -> None:
    """Opens a notice for what is not followed or cannot be processed, and resolves it when that is over. A tick at a
    time."""
    with single_flight(WATCH_LOCK) as is_mine:
        if is_mine:
            _watch_looks(clock.now())
            _watch_quarantine()


def _interval(listener: EventListener, *, is_urgent: bool) -> timedelta:
    if listener.interval_seconds is not None and not is_urgent:
        return timedelta(seconds=listener.interval_seconds)
    active, quiet = settings.BLOCKCHAIN_POLLING_INTERVAL_ACTIVE, settings.BLOCKCHAIN_POLLING_INTERVAL
    return timedelta(milliseconds=active if is_urgent else quiet)


def _watch_looks(now: datetime) -> None:
    late = overdue(now)
    pks = [one.listener.pk for one in late]
    EventListener.objects.exclude(missed_at=None).exclude(pk__in=pks).update(missed_at=None)
    EventListener.objects.filter(pk__in=pks, missed_at=None).update(missed_at=now)
    for one in late:
        if one.listener.missed_at and now - one.listener.missed_at >= PATIENCE:
            _tell_missed(one)
    _resolve(Cause.NOT_FOLLOWED, _looked_again)


def _watch_quarantine() -> None:
    rows = ChainEvent.objects.quarantined().order_by().values("network", "address")
    for row in rows.annotate(count=Count("pk"), first=Min("pk")):
        listener = EventListener.objects.filter(network=row["network"], address=row["address"]).first()
        if listener is not None:
            _tell_quarantined(listener, row["count"], ChainEvent.objects.get(pk=row["first"]))
    _resolve(Cause.QUARANTINED, _nothing_quarantined)


def _tell_missed(one: Overdue) -> None:
    listener, seconds = one.listener, int(one.interval.total_seconds())
    subject, since = as_people_know(listener), moment(last_success(listener))
    begun = f"since {since}" if listener.read_at else f"ever, and it is to be followed since {since}"
    text = _text(
        f"Nothing was read from the chain of {_name(subject)} {begun}: {INTERVALS} intervals of {seconds} s have "
        "passed without a successful look.",
        f"Reason: {without_addresses(listener.last_error)[:LONGEST_QUOTE] or NO_REASON}",
        _place(listener),
        to_do="mend what the reason names. `manage.py doctor` says whether the mirror node or the Soroban RPC is "
        "reached and of the right network, and whether a worker is alive. Nothing is lost: reading goes on where it "
        "stopped. Until then what others do on chain is not seen here.",
    )
    open_notice(subject, cause=Cause.NOT_FOLLOWED, title=f"{_name(subject)} is not followed", text=text)


def _tell_quarantined(listener: EventListener, count: int, first: ChainEvent) -> None:
    """Except of a contract that is FINISHED: with it all of its notices were resolved."""
    subject = as_people_know(listener)
    if isinstance(subject, Contract) and subject.status == Contract.Status.FINISHED:
        return
    text = _text(
        f"{counted(count, 'event')} of {_name(subject)} could not be processed. All others are.",
        f"The oldest: {first}, log {first.log_index}",
        f"Reason: {without_addresses(first.trouble)[:LONGEST_QUOTE]}",
        _place(listener),
        to_do="look at Chain events in the admin, state Quarantined: the page of each has the whole reason. Mend it, "
        "then replay them there or by `manage.py replay_events`.",
    )
    title = f"Events of {_name(subject)} could not be processed"
    open_notice(subject, cause=Cause.QUARANTINED, title=title, text=text)


def _resolve(cause: str, ended: Callable[[Notice, EventListener], str]) -> None:
    """Closes the open notices of this cause that are over: ``ended`` says why, or nothing while they are not."""
    for notice, subject, listener in _told(cause):
        if words := ended(notice, listener):
            resolve_notice(subject, cause=cause, resolution=words)


def _told(cause: str) -> Iterator[tuple[Notice, Subject, EventListener]]:
    for notice in Notice.objects.open().filter(cause=cause):
        subject = subject_of(notice)
        if isinstance(subject, Subject):
            rows = EventListener.objects.filter(network=subject.network, address=subject.address)
            if listener := rows.first():
                yield notice, subject, listener


def _looked_again(notice: Notice, listener: EventListener) -> str:
    """Only a success ends it, or that nobody wants one any more: a longer interval does not."""
    if listener.read_at and listener.read_at > notice.opened_at:
        return f"It was read from the chain again at {moment(listener.read_at)}, and goes on from there."
    if not followed_listeners().filter(pk=listener.pk).exists():
        return "It is not followed any more, so nothing has to be read."
    return ""


def _nothing_quarantined(notice: Notice, listener: EventListener) -> str:
    events = ChainEvent.objects.of(listener.network, listener.address).quarantined()
    return "" if events.exists() else "No event of it is quarantined any more."


def _name(subject: Subject) -> str:
    match subject:
        case Contract():
            return subject.label
        case Asset():
            return subject.symbol
        case EventListener():
            return subject.address


def _place(listener: EventListener) -> str:
    return f"Followed: {listener}, {listener.get_kind_display().lower()}"


def _text(news: str, *facts: str, to_do: str) -> str:
    return "\n".join((news, "", *facts, "", f"What to do: {to_do}"))
