from django.apps import AppConfig


class ReservesConfig(AppConfig):
    name = "reserves"
    verbose_name = "Reserves"

    def ready(self) -> None:
        from contracts import gates
        from reserves.services import life, signing

        gates.register(signing.PURPOSE, gate=signing.why_not, handler=signing.on_arrow)
        life.register_processors()
