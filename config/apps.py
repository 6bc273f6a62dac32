from django.apps import AppConfig


class PaydateConfig(AppConfig):
    name = "config"
    verbose_name = "Processes"

    def ready(self) -> None:
        import config.celery  # noqa: F401 - makes it the app that tasks are rung through
