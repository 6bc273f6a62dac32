from django.apps import AppConfig


class ReservesConfig(AppConfig):
    name = "reserves"
    verbose_name = "Reserves"

    def ready(self) -> None:
        from reserves.services import life

        life.register_processors()
