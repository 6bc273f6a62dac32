from django.apps import AppConfig


class ContractsConfig(AppConfig):
    name = "contracts"
    verbose_name = "Contracts and transactions"

    def ready(self) -> None:
        from contracts import gates
        from contracts.services import (
            absence,
            deploying,
            deploying_investments,
            deployment_steps,
            extending,
            pausing,
        )

        gates.register(absence.PROOF_PURPOSE, gate=absence.why_no_proof, handler=absence.tell_nobody)
        gates.register(pausing.PURPOSE, gate=pausing.why_not, handler=pausing.tell_nobody)
        gates.register(
            deployment_steps.PURPOSE,
            gate=deploying.why_not,
            handler=deploying.on_arrow,
            origin=deployment_steps.origin_of,
        )
        gates.register(
            deploying_investments.PURPOSE,
            gate=deploying_investments.why_not,
            handler=deploying_investments.on_arrow,
            origin=deploying_investments.origin_of,
        )
        gates.register(extending.PURPOSE, gate=extending.why_not, handler=extending.tell_nobody)
