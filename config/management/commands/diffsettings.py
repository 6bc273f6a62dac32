from typing import Any

from django.core.management.commands import diffsettings

from config.error_pages import redacted


class Command(diffsettings.Command):
    help = f"{diffsettings.Command.help} Secrets are masked."

    def handle(self, **options: Any) -> str:
        return redacted(super().handle(**options))
