"""What exists on chain: wallets, tokens, contracts, assets and who holds them."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from contracts import clock
from contracts.fields import EvmAddressField, UnitsField
from contracts.ids import new_uid
from contracts.transitions import Transitions


class Network(models.TextChoices):
    HEDERA_MAINNET = "hedera-mainnet"
    HEDERA_TESTNET = "hedera-testnet"
    HEDERA_PREVIEWNET = "hedera-previewnet"
    HEDERA_LOCAL = "hedera-local"
    STELLAR_MAINNET = "stellar-mainnet"
    STELLAR_TESTNET = "stellar-testnet"
    STELLAR_LOCAL = "stellar-local"


class KeyScheme(models.TextChoices):
    ED25519 = "ED25519"
    SECP256K1 = "SECP256K1"


class Wallet(models.Model):
    """A custody key and the account it pays from. Every contract names the wallet that signs for it."""

    class Custodian(models.TextChoices):
        DFNS = "DFNS"
        LOCAL = "LOCAL"

    class Role(models.TextChoices):
        PAYER = "PAYER", "Payer and executor (Hedera)"
        SOURCE = "SOURCE", "Source and admin (Stellar)"

    uid = models.CharField(max_length=22, unique=True, default=new_uid, editable=False)
    label = models.CharField(max_length=80, blank=True)
    network = models.CharField(max_length=20, choices=Network.choices)
    custodian = models.CharField(max_length=8, choices=Custodian.choices)
    role = models.CharField(max_length=6, choices=Role.choices, default=Role.PAYER)
    custody_wallet_id = models.CharField(max_length=64)
    custody_key_id = models.CharField(max_length=64)
    key_scheme = models.CharField(max_length=12, choices=KeyScheme.choices, help_text="As read from custody.")
    public_key = models.CharField(max_length=132, help_text="Hex, as read from custody.")
    account = models.CharField(max_length=64, help_text="0.0.x on Hedera, G... on Stellar.")
    evm_address = EvmAddressField(blank=True, help_text="msg.sender of this wallet's calls on Hedera.")
    stopped_at = models.DateTimeField(null=True, blank=True)
    stopped_reason = models.TextField(blank=True, help_text="While this is set, nothing is signed for it.")
    stopped_by_fence = models.BooleanField(
        default=False, help_text="Its list on chain had what is not ours: only claim_wallets starts it again."
    )
    watched_through = models.CharField(
        max_length=24, blank=True, help_text="Consensus time up to which its list on chain was compared."
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        default_permissions = ("view",)
        permissions: ClassVar = [("stop_wallet", "Can stop and start signing by a wallet")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["network", "account"], name="wallet_once_per_account"),
            models.UniqueConstraint(
                fields=["custodian", "custody_wallet_id"], name="wallet_once_per_custody_wallet"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label or self.account} ({self.network})"

    @property
    def is_on_stellar(self) -> bool:
        return self.network.startswith("stellar-")


class Token(models.Model):
    network = models.CharField(max_length=20, choices=Network.choices)
    address = models.CharField(max_length=64, help_text="0.0.x, or a Stellar contract or code:issuer.")
    evm_address = EvmAddressField(blank=True)
    symbol = models.CharField(max_length=32)
    decimals = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["network", "address"], name="token_once_per_network"),
            models.CheckConstraint(condition=Q(decimals__lte=77), name="token_decimals_fit_units"),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} {self.address}"


class Contract(models.Model):
    """A payout contract on Hedera or an investment contract on Soroban."""

    class Kind(models.TextChoices):
        LIFECYCLE_CASH_FLOW = "LIFECYCLE_CASH_FLOW", "Life-cycle cash flow (Hedera)"
        INVESTMENT = "INVESTMENT", "Investment (Soroban)"

    class Status(models.TextChoices):
        DRAFT = "DRAFT"
        ACTIVE = "ACTIVE"
        FUNDS_REACHED = "FUNDS_REACHED"
        PAUSED = "PAUSED"
        BLOCKED = "BLOCKED"
        FINISHED = "FINISHED"

    TRANSITIONS = Transitions(
        ("DRAFT", "ACTIVE", "taken into use"),
        ("ACTIVE", "FUNDS_REACHED", "the funding goal was reached"),
        ("ACTIVE", "PAUSED", "paused on chain"),
        ("FUNDS_REACHED", "PAUSED", "paused on chain"),
        ("PAUSED", "ACTIVE", "unpaused on chain"),
        ("PAUSED", "FUNDS_REACHED", "unpaused on chain"),
        ("ACTIVE", "BLOCKED", "money is missing, or a person blocked it"),
        ("FUNDS_REACHED", "BLOCKED", "money is missing, or a person blocked it"),
        ("PAUSED", "BLOCKED", "money is missing, or a person blocked it"),
        ("BLOCKED", "ACTIVE", "the block was lifted"),
        ("BLOCKED", "FUNDS_REACHED", "the block was lifted"),
        ("BLOCKED", "PAUSED", "the block was lifted"),
        ("ACTIVE", "FINISHED", "nothing is owed any more"),
        ("FUNDS_REACHED", "FINISHED", "nothing is owed any more"),
        ("PAUSED", "FINISHED", "nothing is owed any more"),
    )

    uid = models.CharField(max_length=22, unique=True, default=new_uid, editable=False)
    network = models.CharField(max_length=20, choices=Network.choices)
    kind = models.CharField(max_length=24, choices=Kind.choices)
    address = models.CharField(max_length=64, help_text="0.0.x on Hedera, C... on Stellar.")
    evm_address = EvmAddressField(blank=True)
    label = models.CharField(max_length=80)
    interface_version = models.CharField(max_length=16)
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="contracts")
    payment_token = models.ForeignKey(Token, on_delete=models.PROTECT, related_name="contracts")
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.ACTIVE)
    status_before_block = models.CharField(max_length=16, choices=Status.choices, blank=True)
    required_funds_units = UnitsField(default=0)
    blocked_at = models.DateTimeField(null=True, blank=True)
    blocked_by = models.CharField(max_length=150, blank=True)
    blocked_reason = models.TextField(blank=True)
    good_checks = models.PositiveSmallIntegerField(
        default=0, help_text="Checks in a row that found nothing missing."
    )
    checked_at = models.DateTimeField(null=True, blank=True)
    checked_at_ledger = models.BigIntegerField(
        null=True, blank=True, help_text="The last answer holds as of this ledger; of this block on Hedera."
    )
    live_until_ledger = models.BigIntegerField(
        null=True, blank=True, help_text="Stellar only: the last ledger of its instance, unless extended."
    )
    accepted_deficit_units = UnitsField(null=True, blank=True)
    accepted_deficit_until = models.DateTimeField(null=True, blank=True)
    accepted_deficit_reason = models.TextField(blank=True)
    accepted_deficit_by = models.CharField(max_length=150, blank=True)
    learned_batch_size = models.PositiveSmallIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        default_permissions = ("view",)
        permissions: ClassVar = [
            ("check_reserve", "Can ask for a reserve check"),
            ("block_contract", "Can block a contract"),
            ("unblock_contract", "Can unblock a contract"),
            ("accept_deficit", "Can accept a deficit"),
            ("register_contract", "Can register a contract"),
            ("pause_contract", "Can pause and unpause a payout contract"),
            ("extend_life", "Can lengthen the life of an investment contract"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["network", "address"], name="contract_once_per_network"),
            models.CheckConstraint(
                condition=Q(required_funds_units__gte=0), name="contract_required_funds_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label} {self.address}"


class Asset(models.Model):
    """A tokenised equity or bond whose holders are paid."""

    class Kind(models.TextChoices):
        EQUITY = "EQUITY"
        BOND_VARIABLE_RATE = "BOND_VARIABLE_RATE"
        BOND_FIXED_RATE = "BOND_FIXED_RATE"
        BOND_KPI_LINKED_RATE = "BOND_KPI_LINKED_RATE"
        BOND_SPT_RATE = "BOND_SPT_RATE"

    class SyncStatus(models.TextChoices):
        NEVER = "NEVER"
        SYNCING = "SYNCING"
        SYNCED = "SYNCED"
        FAILED = "FAILED"

    TRANSITIONS = Transitions(
        ("NEVER", "SYNCING", "reading from the chain"),
        ("SYNCED", "SYNCING", "reading again"),
        ("FAILED", "SYNCING", "reading again"),
        ("SYNCING", "SYNCED", "read to the end"),
        ("SYNCING", "FAILED", "the chain could not be read"),
    )

    uid = models.CharField(max_length=22, unique=True, default=new_uid, editable=False)
    network = models.CharField(max_length=20, choices=Network.choices)
    address = models.CharField(max_length=64)
    evm_address = EvmAddressField()
    interface_version = models.CharField(
        max_length=16, help_text="7 or 8: which names the asset token answers to."
    )
    name = models.CharField(max_length=120)
    symbol = models.CharField(max_length=32)
    isin = models.CharField(max_length=12, blank=True)
    kind = models.CharField(max_length=24, choices=Kind.choices)
    decimals = models.PositiveSmallIntegerField()
    maturity_at = models.DateTimeField(null=True, blank=True)
    payout_contract = models.OneToOneField(Contract, on_delete=models.PROTECT, related_name="asset")
    backing_contract = models.ForeignKey(
        Contract,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="backed_assets",
        help_text="The investment contract behind this asset; while it is BLOCKED, payouts are held.",
    )
    supply_units = UnitsField(null=True, blank=True, help_text="Total supply, as last read.")
    is_paused = models.BooleanField(
        null=True, blank=True, help_text="Whether its transfers were paused, as last read."
    )
    sync_enabled = models.BooleanField(default=True)
    sync_status = models.CharField(max_length=8, choices=SyncStatus.choices, default=SyncStatus.NEVER)
    synced_at = models.DateTimeField(null=True, blank=True)
    facts_as_of = models.DateTimeField(
        null=True, blank=True, help_text="The end of the block in which supply and pause were read."
    )
    changed_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Newest event that changed them; when it is later, they are read again.",
    )
    sync_error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        default_permissions = ("view",)
        permissions: ClassVar = [
            ("set_backing_contract", "Can set the backing contract of an asset"),
            ("sync_asset", "Can have an asset read from the chain"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["network", "address"], name="asset_once_per_network"),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} {self.address}"


class Holding(models.Model):
    """What a holder of an asset has, as last read. The holder is the 20 bytes that the asset contract lists."""

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="holdings")
    holder = EvmAddressField()
    balance_units = UnitsField()
    as_of = models.DateTimeField()
    moved_at = models.DateTimeField(
        null=True, blank=True, help_text="Newest transfer seen; when it is later, the balance is read again."
    )

    class Meta:
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(fields=["asset"], condition=Q(moved_at__gt=F("as_of")), name="holding_outdated"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["asset", "holder"], name="holding_once_per_holder"),
            models.CheckConstraint(condition=Q(balance_units__gte=0), name="holding_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.holder}: {self.balance_units}"
