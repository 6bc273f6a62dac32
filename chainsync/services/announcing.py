"""People are told when stored events of a contract differ from the chain, once, and when nothing differs any more."""

from django.db import transaction

from chainsync.followed import as_people_know
from chainsync.models import Difference, EventListener
from contracts.amounts import counted
from contracts.models import Notice
from contracts.services.notices import open_notice, resolve_notice

CAUSE = Notice.Cause.DIFFERS
MOST_SHOWN = 5
TO_DO = (
    "What to do: look at Differences in the admin, state Open: each says what it is. Nothing was taken back or changed "
    "by itself. A difference that the next comparison does not find any more is closed; any other is resolved there by "
    "who may, with a reason. `manage.py reconcile_events` compares at once."
)


@transaction.atomic
def tell_differences(listener: EventListener) -> None:
    """Opens a notice while a difference is open, brings its words up to date, and resolves it when none is."""
    subject = as_people_know(listener)
    rows = Difference.objects.of(listener.network, listener.address).open().order_by("found_at", "pk")
    words = [f"{row.get_kind_display()}, {row.day}: {row.words}" for row in rows[:MOST_SHOWN]]
    if not words:
        resolve_notice(subject, cause=CAUSE, resolution="No difference is open any more.")
        return
    news = f"{counted(rows.count(), 'difference')} between the events of {listener} and the chain."
    text = "\n".join((news, "", *words, "", TO_DO))
    open_notice(subject, cause=CAUSE, title=f"Events of {listener.address} differ from the chain", text=text)
