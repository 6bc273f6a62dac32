from django.apps import AppConfig


class DevnetConfig(AppConfig):
    """Installed by development settings only, for its management command."""

    name = "devnet"
    verbose_name = "Local Hedera and DFNS"
