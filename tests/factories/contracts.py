"""Wallets, tokens, contracts, assets, transactions and holds."""

import hashlib
from datetime import UTC, datetime, timedelta

import factory
from factory.django import DjangoModelFactory

from contracts.models import (
    Asset,
    Contract,
    ContractTransaction,
    Deployment,
    Hold,
    InvestmentDeployment,
    SignedBody,
    Token,
    Wallet,
)

NETWORK = "hedera-local"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NOW_NS = int(NOW.timestamp()) * 1_000_000_000


def evm_address(number: int) -> str:
    """The long-zero form of an account's number."""
    return f"0x{number:040x}"


def transaction_id(payer: str, valid_start_ns: int) -> str:
    seconds, rest = divmod(valid_start_ns, 1_000_000_000)
    return f"{payer}-{seconds}-{rest:09d}"


class WalletFactory(DjangoModelFactory[Wallet]):
    class Meta:
        model = Wallet

    label = "payer"
    network = NETWORK
    custodian = "DFNS"
    custody_wallet_id = factory.Sequence(lambda n: f"wa-{n:05d}-abcde-0123456789")
    custody_key_id = factory.Sequence(lambda n: f"key-{n:05d}-abcde-0123456789")
    key_scheme = "ED25519"
    public_key = factory.Sequence(lambda n: f"{n:064x}")
    account = factory.Sequence(lambda n: f"0.0.{1000 + n}")
    evm_address = factory.Sequence(lambda n: evm_address(1000 + n))


class TokenFactory(DjangoModelFactory[Token]):
    class Meta:
        model = Token

    network = NETWORK
    address = factory.Sequence(lambda n: f"0.0.{200_000 + n}")
    evm_address = factory.Sequence(lambda n: evm_address(200_000 + n))
    symbol = "USDC"
    decimals = 6


class ContractFactory(DjangoModelFactory[Contract]):
    class Meta:
        model = Contract

    network = NETWORK
    kind = Contract.Kind.LIFECYCLE_CASH_FLOW
    address = factory.Sequence(lambda n: f"0.0.{300_000 + n}")
    evm_address = factory.Sequence(lambda n: evm_address(300_000 + n))
    label = "Payouts"
    interface_version = "1.1"
    wallet = factory.SubFactory(WalletFactory)
    payment_token = factory.SubFactory(TokenFactory)


class InvestmentContractFactory(ContractFactory):
    """Addresses are not checked by the database; these are no keys of anybody."""

    network = "stellar-local"
    kind = Contract.Kind.INVESTMENT
    address = factory.Sequence(lambda n: f"C{n:055d}")
    evm_address = ""
    label = "Investment"
    interface_version = "1"
    wallet = factory.SubFactory(
        WalletFactory,
        network="stellar-local",
        role="SOURCE",
        account=factory.Sequence(lambda n: f"G{n:055d}"),
        evm_address="",
    )
    payment_token = factory.SubFactory(
        TokenFactory,
        network="stellar-local",
        address=factory.Sequence(lambda n: f"C{900_000 + n:055d}"),
        evm_address="",
        decimals=7,
    )


class AssetFactory(DjangoModelFactory[Asset]):
    class Meta:
        model = Asset

    network = NETWORK
    address = factory.Sequence(lambda n: f"0.0.{400_000 + n}")
    evm_address = factory.Sequence(lambda n: evm_address(400_000 + n))
    interface_version = "8"
    name = factory.Sequence(lambda n: f"Harbour Holdings {n}")
    symbol = factory.Sequence(lambda n: f"HRB{n}")
    isin = "DE0001234567"
    kind = Asset.Kind.EQUITY
    decimals = 2
    payout_contract = factory.SubFactory(ContractFactory)


class TransactionFactory(DjangoModelFactory[ContractTransaction]):
    """PLANNED; the traits carry it as far as their names say."""

    class Meta:
        model = ContractTransaction

    class Params:
        signed = factory.Trait(
            status="SIGNED",
            valid_start_ns=factory.Sequence(lambda n: NOW_NS + n),
            valid_seconds=120,
            transaction_id=factory.LazyAttribute(
                lambda row: transaction_id(row.wallet.account, row.valid_start_ns)
            ),
            identified_at=NOW,
            signed_at=NOW + timedelta(seconds=1),
        )
        submitted = factory.Trait(
            signed=True,
            status="SUBMITTED",
            broadcast_started_at=NOW + timedelta(seconds=2),
            submitted_at=NOW + timedelta(seconds=2),
        )
        resolved = factory.Trait(
            submitted=True,
            consensus_at=factory.LazyAttribute(
                lambda row: f"{NOW_NS // 10**9 + 4}.{row.valid_start_ns % 10**9:09d}"
            ),
            hash=factory.Sequence(lambda n: f"{n:096x}"),
            gas_used=1_234_567,
            fee_units=87_654_321,
            resolved_at=NOW + timedelta(seconds=6),
        )
        succeeded = factory.Trait(resolved=True, status="SUCCEEDED", result={"gasUsed": 1_234_567})
        failed = factory.Trait(
            resolved=True,
            status="FAILED",
            error_class="CONTRACT_REVERT_EXECUTED",
            error_text="the payout contract is paused",
        )

    wallet = factory.SubFactory(WalletFactory)
    target = "0.0.300000"
    interface = "lccf/1.1"
    function = "executeAmountSnapshotByAddresses"
    arguments = factory.LazyFunction(lambda: [evm_address(1), 7])
    purpose = "batch"
    subject = factory.Sequence(lambda n: f"batch:{n:022d}")
    group_uid = "nobody"
    attempt = 1
    has_guard = True
    gas_limit = 14_300_000
    max_fee_units = 2_000_000_000
    memo = factory.LazyAttribute(lambda row: f"pd1:test:{row.subject}:{row.attempt}")
    planned_at = NOW


class DeploymentFactory(DjangoModelFactory[Deployment]):
    """Just begun."""

    class Meta:
        model = Deployment

    network = "hedera-local"
    asset_address = factory.Sequence(lambda n: f"0.0.{600_000 + n}")
    asset_evm_address = factory.Sequence(lambda n: evm_address(600_000 + n))
    token_address = "0.0.429274"
    token_evm_address = evm_address(429_274)
    wallet = factory.SubFactory(WalletFactory)
    label = "Payouts of the bond"
    code_hash = "ab" * 32
    created_by = "olivia"


class InvestmentDeploymentFactory(DjangoModelFactory[InvestmentDeployment]):
    """Just begun."""

    class Meta:
        model = InvestmentDeployment

    network = "stellar-local"
    address = factory.Sequence(lambda n: f"C{n:055d}")
    token_address = "CA3D5KRYM6CB7OWQ6TWYRR3Z4T7GNZLKERYNZGGA5SOAOPIFY6YQGAXE"
    project_address = "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ"
    wallet = factory.SubFactory(WalletFactory)
    label = factory.Sequence(lambda n: f"Wind {n}")
    name = "Wind"
    symbol = "WND"
    terms = factory.LazyFunction(
        lambda: {
            "claim_block_days": 0,
            "goal": "1000",
            "i_rate": 500,
            "min_per_investment": "1",
            "return_months": 12,
            "return_type": 1,
        }
    )
    code_hash = "ab" * 32
    created_by = "olivia"


class SignedBodyFactory(DjangoModelFactory[SignedBody]):
    class Meta:
        model = SignedBody

    transaction = factory.SubFactory(TransactionFactory, signed=True)
    node = "0.0.3"
    body = factory.Sequence(lambda n: b"the body of a transaction %d" % n)
    body_hash = factory.LazyAttribute(lambda row: hashlib.sha256(row.body).hexdigest())
    external_id = factory.LazyAttribute(lambda row: f"pd1-{row.body_hash}")
    custody_reference = factory.Sequence(lambda n: f"sig-{n:05d}-abcde-0123456789")
    signed_bytes = factory.LazyAttribute(lambda row: b"signed " + row.body)
    hash = factory.LazyAttribute(lambda row: hashlib.sha384(row.signed_bytes).hexdigest())
    signed_at = NOW + timedelta(seconds=1)


class HoldFactory(DjangoModelFactory[Hold]):
    class Meta:
        model = Hold

    scope = Hold.Scope.GLOBAL
    cause = Hold.Cause.OPERATOR
    reason = "the auditors are in the house"
    placed_by = "alice"
