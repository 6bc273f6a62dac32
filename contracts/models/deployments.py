"""Contracts that are being put on chain. Their steps are transactions; those say how far each came."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from contracts import clock
from contracts.fields import EvmAddressField
from contracts.ids import new_uid
from contracts.models.leases import Leased
from contracts.models.registry import Contract, Network, Wallet
from contracts.transitions import Transitions


class DeploymentStatus(models.TextChoices):
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    ABANDONED = "ABANDONED"


class Deploying(Leased):
    """What every deployment has. Subjects of its transactions begin with ``PREFIX`` and its uid."""

    Status = DeploymentStatus
    PREFIX: ClassVar[str]
    TRANSITIONS = Transitions(
        ("RUNNING", "COMPLETED", "what was deployed is registered"),
        ("RUNNING", "FAILED", "a step failed"),
        ("FAILED", "RUNNING", "asked for again"),
        ("FAILED", "ABANDONED", "started over"),
    )

    uid = models.CharField(max_length=22, unique=True, default=new_uid, editable=False)
    network = models.CharField(max_length=20, choices=Network.choices)
    token_address = models.CharField(max_length=64, help_text="The payment token.")
    label = models.CharField(max_length=80)
    code_hash = models.CharField(max_length=64, help_text="SHA-256 of the code that is sent.")
    status = models.CharField(
        max_length=10, choices=DeploymentStatus.choices, default=DeploymentStatus.RUNNING
    )
    waiting_reason = models.TextField(blank=True, help_text="Why the next step has to wait.")
    error_text = models.TextField(blank=True)
    next_attempt_at = models.DateTimeField(default=clock.now)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    def subject_of(self, step: str) -> str:
        return f"{self.PREFIX}:{self.uid}:{step}"


class Deployment(Deploying):
    """A payout contract on Hedera, for an asset that has none."""

    PREFIX = "deploy"

    asset_address = models.CharField(max_length=64)
    asset_evm_address = EvmAddressField()
    token_evm_address = EvmAddressField()
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="deployments")
    contract = models.OneToOneField(Contract, null=True, on_delete=models.PROTECT, related_name="deployment")

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["network", "asset_address"],
                condition=Q(status__in=("RUNNING", "FAILED")),
                name="deployment_one_open_per_asset",
            ),
            models.CheckConstraint(
                condition=~Q(status="COMPLETED") | Q(contract__isnull=False),
                name="deployment_completed_has_contract",
            ),
        ]

    def __str__(self) -> str:
        return f"payout contract of {self.asset_address}"


class InvestmentDeployment(Deploying):
    """An investment contract on Stellar. Its address follows from wallet and uid, so it is known before it is made."""

    PREFIX = "deploy_investment"

    address = models.CharField(max_length=56, unique=True, help_text="C..., made by the wallet.")
    project_address = models.CharField(max_length=56, help_text="Who gets what investors lend.")
    name = models.CharField(max_length=64)
    symbol = models.CharField(max_length=12)
    uri = models.CharField(max_length=200, blank=True)
    terms = models.JSONField(help_text="As the constructor takes them; amounts are base units.")
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="investment_deployments")
    contract = models.OneToOneField(
        Contract, null=True, on_delete=models.PROTECT, related_name="investment_deployment"
    )

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["network", "label"],
                condition=~Q(status="ABANDONED"),
                name="investment_deployment_once_per_label",
            ),
            models.CheckConstraint(
                condition=~Q(status="COMPLETED") | Q(contract__isnull=False),
                name="investment_deployment_completed_has_contract",
            ),
        ]

    def __str__(self) -> str:
        return f"investment contract {self.label}"
