"""A payout contract that is being put on chain for an asset."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from contracts import clock
from contracts.fields import EvmAddressField
from contracts.ids import new_uid
from contracts.models.leases import Leased
from contracts.models.registry import Contract, Network, Wallet
from contracts.transitions import Transitions


class Deployment(Leased):
    """Its steps are transactions whose subjects begin with ``deploy:`` and its uid; they say how far it came."""

    class Status(models.TextChoices):
        RUNNING = "RUNNING"
        COMPLETED = "COMPLETED"
        FAILED = "FAILED"
        ABANDONED = "ABANDONED"

    TRANSITIONS = Transitions(
        ("RUNNING", "COMPLETED", "the asset is registered with its payout contract"),
        ("RUNNING", "FAILED", "a step failed"),
        ("FAILED", "RUNNING", "asked for again"),
        ("FAILED", "ABANDONED", "started over"),
    )

    uid = models.CharField(max_length=22, unique=True, default=new_uid, editable=False)
    network = models.CharField(max_length=20, choices=Network.choices)
    asset_address = models.CharField(max_length=64)
    asset_evm_address = EvmAddressField()
    token_address = models.CharField(max_length=64, help_text="The payment token.")
    token_evm_address = EvmAddressField()
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="deployments")
    label = models.CharField(max_length=80)
    code_hash = models.CharField(max_length=64, help_text="SHA-256 of the code that is sent.")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.RUNNING)
    waiting_reason = models.TextField(blank=True, help_text="Why the next step has to wait.")
    error_text = models.TextField(blank=True)
    contract = models.OneToOneField(Contract, null=True, on_delete=models.PROTECT, related_name="deployment")
    next_attempt_at = models.DateTimeField(default=clock.now)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    ended_at = models.DateTimeField(null=True)

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

    def subject_of(self, step: str) -> str:
        return f"deploy:{self.uid}:{step}"
