from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class PaydateConfig(AppConfig):
    name = "config"
    verbose_name = "Processes"

    def ready(self) -> None:
        import config.celery  # noqa: F401 - makes it the app that tasks are rung through


class PaydateAdminConfig(AdminConfig):
    default_site = "config.admin_site.PaydateAdminSite"
