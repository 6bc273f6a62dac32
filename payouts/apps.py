from django.apps import AppConfig


class PayoutsConfig(AppConfig):
    name = "payouts"
    verbose_name = "Payouts"

    def ready(self) -> None:
        from contracts import gates
        from payouts.services import holding, paying, snapshots, watching

        gates.register(
            snapshots.SNAPSHOT_PURPOSE, gate=watching.why_not_snapshot, handler=watching.on_snapshot_arrow
        )
        gates.register(paying.BATCH_PURPOSE, gate=watching.why_not_batch, handler=watching.on_batch_arrow)
        gates.register_hold_listener(holding.on_hold_changed)
