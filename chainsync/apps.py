from django.apps import AppConfig


class ChainsyncConfig(AppConfig):
    name = "chainsync"
    verbose_name = "Chain events"

    def ready(self) -> None:
        from chainsync.services import assets, deposits

        assets.register_processors()
        deposits.register_processors()
