from django.apps import AppConfig


class ChainsyncConfig(AppConfig):
    name = "chainsync"
    verbose_name = "Chain events"
