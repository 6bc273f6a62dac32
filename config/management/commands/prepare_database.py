from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from config.models import Heartbeat


class Command(BaseCommand):
    help = (
        "Apply the migrations and write beat's rows: what each new release needs before its processes start."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--forget-heartbeats",
            action="store_true",
            help="the processes are stopped: not ready again before each has shown a new sign of life",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=options["verbosity"] - 1)
        call_command("sync_beat")
        if options["forget_heartbeats"]:
            Heartbeat.objects.all().delete()
