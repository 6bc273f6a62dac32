from django.apps import AppConfig


class PayoutsConfig(AppConfig):
    name = "payouts"
    verbose_name = "Payouts"

    def ready(self) -> None:
        from contracts import gates
        from payouts.services import (
            actions,
            cancelled,
            depositing,
            events,
            holding,
            origins,
            paying,
            reissuing,
            reports,
            roles,
            snapshots,
            summing,
            transferring,
            watching,
        )
        from payouts.services.obligations import obligations_of_payouts
        from payouts.services.series_obligations import obligations_of_series
        from reserves import obligations

        gates.register(
            snapshots.SNAPSHOT_PURPOSE,
            gate=watching.why_not_snapshot,
            handler=watching.on_snapshot_arrow,
            origin=origins.of_snapshot,
        )
        gates.register(
            paying.BATCH_PURPOSE,
            gate=watching.why_not_batch,
            handler=watching.on_batch_arrow,
            origin=origins.of_batch,
        )
        gates.register(
            transferring.PURPOSE,
            gate=transferring.why_not_transfer,
            handler=transferring.on_transfer_arrow,
            origin=transferring.origin,
        )
        gates.register_hold_listener(holding.on_hold_changed)
        for module in (events, roles, cancelled, reports, actions):
            module.register_processors()
        summing.register()
        reissuing.register()
        depositing.register()
        obligations.register(obligations_of_series)
        obligations.register(obligations_of_payouts)
