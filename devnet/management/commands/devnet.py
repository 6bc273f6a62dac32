"""`manage.py devnet WORD ...`: serve the local Hedera and DFNS, and steer them."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from devnet import cli
from devnet.client import DevnetClient, DevnetError
from devnet.clock import default_directory


class Command(BaseCommand):
    help = "The local Hedera and DFNS on loopback: serve them, prepare scenarios, switch faults, move time."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--state-dir", type=Path, help="state directory (default: PAYDATE_DEVNET_DIR or .local/devnet)"
        )
        cli.build(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        directory = options["state_dir"] or default_directory()
        if options["word"] == "serve":
            self._serve(directory, options)
            return
        try:
            answer = options["act"](DevnetClient.of(directory), cli.namespace(options))
        except (DevnetError, ValueError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(json.dumps(answer, indent=1) if options["json"] else cli.text_of(answer))

    def _serve(self, directory: Path, options: dict[str, Any]) -> None:
        from devnet.runtime import AlreadyRunning
        from devnet.serve import serve

        try:
            serve(
                directory,
                self._say,
                ports=cli.ports_of(options["port"]),
                block_seconds=options["block_seconds"],
                consensus_seconds=options["consensus_ms"] / 1000,
            )
        except (AlreadyRunning, ValueError) as error:
            raise CommandError(str(error)) from None

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
