from django.apps import AppConfig


class ContractsConfig(AppConfig):
    name = "contracts"
    verbose_name = "Contracts and transactions"

    def ready(self) -> None:
        from contracts import gates
        from contracts.services import absence, deploying, deployment_steps, pausing

        gates.register(absence.PROOF_PURPOSE, gate=absence.why_no_proof, handler=absence.tell_nobody)
        gates.register(pausing.PURPOSE, gate=pausing.why_not, handler=pausing.tell_nobody)
        gates.register(
            deployment_steps.PURPOSE,
            gate=deploying.why_not,
            handler=deploying.on_arrow,
            origin=deployment_steps.origin_of,
        )
