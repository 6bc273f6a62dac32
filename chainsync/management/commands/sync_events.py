import time
from argparse import ArgumentParser
from contextlib import suppress
from typing import Any

from django.core.management.base import BaseCommand

from chainsync.followed import listener_of
from chainsync.management.followed import followed_at
from chainsync.models import ChainEvent, EventListener
from chainsync.services.following import due_listeners, follow, listen

LOOK_SECONDS = 1.0
FAILING = 1


class Command(BaseCommand):
    help = (
        "Reads the events of the followed contracts here and now, beside the workers: with --once a look at each, "
        "otherwise whenever one is due, until it is interrupted. With --once: exit 0, or 1 when a look failed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--contract", metavar="ADDRESS", help="only this one")
        parser.add_argument("--once", action="store_true", help="one look at each, due or not")

    def handle(self, *args: Any, **options: Any) -> None:
        only = listener_of(followed_at(options["contract"])) if options["contract"] else None
        listen()
        if options["once"]:
            pks = [only.pk] if only else due_listeners(even_if_not_due=True)
            # One that fails keeps no other from being looked at.
            failed = [pk for pk in pks if not self._look(pk)]
            if failed:
                raise SystemExit(FAILING)
            return
        with suppress(KeyboardInterrupt):
            while True:
                for pk in due_listeners():
                    if only is None or pk == only.pk:
                        self._look(pk)
                time.sleep(LOOK_SECONDS)

    def _look(self, pk: int) -> bool:
        """Whether it went well; says so where something was seen or went wrong."""
        listener = EventListener.objects.get(pk=pk)
        events = ChainEvent.objects.of(listener.network, listener.address)
        before = events.count()
        follow(pk)
        listener.refresh_from_db()
        new = events.count() - before
        words = listener.last_error or f"{new:,} new events, {before + new:,} in all"
        self.stdout.write(f"{listener.get_kind_display().lower()} {listener.address}: {words}")
        return not listener.failures
