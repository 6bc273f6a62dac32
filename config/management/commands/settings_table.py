from typing import Any

from django.core.management.base import BaseCommand

from config.boot import BASE_DIR
from config.reference import env_example, settings_table


class Command(BaseCommand):
    help = "Write docs/settings.md and .env.example from the settings class."

    def handle(self, *args: Any, **options: Any) -> None:
        for path, text in (("docs/settings.md", settings_table()), (".env.example", env_example())):
            (BASE_DIR / path).write_text(text)
            self.stdout.write(path)
