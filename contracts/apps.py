from django.apps import AppConfig


class ContractsConfig(AppConfig):
    name = "contracts"
    verbose_name = "Contracts and transactions"

    def ready(self) -> None:
        from contracts import gates
        from contracts.services import absence

        gates.register(absence.PROOF_PURPOSE, gate=absence.why_no_proof, handler=absence.tell_nobody)
