from typing import Any

from django.core.management.base import BaseCommand

from config.beats import sync_beat, table


class Command(BaseCommand):
    help = "Write the table of repeated work into beat's rows; intervals an operator changed are kept."

    def handle(self, *args: Any, **options: Any) -> None:
        sync_beat(table())
        for entry in table():
            self.stdout.write(f"{entry.name:<32} {entry.schedule:<24} {entry.queue}")
