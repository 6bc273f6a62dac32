"""Every named constraint and trigger of the database, each broken once; a new one without a test fails here."""

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction

from chainsync.models import ChainEvent, Deposit, Difference, EventListener
from contracts.models import (
    AuditEvent,
    Contract,
    ContractTransaction,
    ExpiryDeclaration,
    Holding,
    Installation,
    Notice,
    SignedBody,
)
from payouts.models import BatchSizing, Distribution, Payment, PlanPage
from reserves.models import Draw, InvestmentBook, InvestmentEntry, PaymentAvailability, Reservation
from tests.factories import (
    ApprovalFactory,
    AssetFactory,
    BatchFactory,
    ContractFactory,
    CorporateActionFactory,
    DeploymentFactory,
    DepositTriggerFactory,
    DistributionFactory,
    HoldFactory,
    InvestmentDeploymentFactory,
    PaymentFactory,
    ReissueFactory,
    ScheduleFactory,
    SignedBodyFactory,
    TokenFactory,
    TransactionFactory,
    WalletFactory,
)
from tests.factories.contracts import NOW, InvestmentContractFactory

OWN_APPS = ("contracts", "reserves", "chainsync", "payouts")
HOLDER = "0x" + "11" * 20


def again(factory: Any, **columns: Any) -> Callable[[], None]:
    """The same columns twice."""

    def act() -> None:
        factory.create(**columns)
        factory.create(**columns)

    return act


def twice_with(factory: Any, make: Callable[[], dict[str, Any]]) -> Callable[[], None]:
    def act() -> None:
        columns = make()
        factory.create(**columns)
        factory.create(**columns)

    return act


def one(factory: Any, **columns: Any) -> Callable[[], None]:
    return lambda: factory.create(**columns)


def holding(**columns: Any) -> None:
    Holding.objects.create(
        **{"asset": AssetFactory.create(), "holder": HOLDER, "balance_units": 1, "as_of": NOW} | columns
    )


def reservation(**columns: Any) -> Reservation:
    defaults = {"contract": ContractFactory.create(), "distribution_uid": "u", "units": 1}
    return Reservation.objects.create(**defaults | columns)


def ticket(**columns: Any) -> None:
    made = {"contract": ContractFactory.create(), "requested_by": "tests"}
    PaymentAvailability.objects.create(**made | columns)


def notice() -> None:
    Notice.objects.create(
        noun="contract", object_uid="a", object_label="a", cause="BLOCKED", title="blocked", text="blocked"
    )


def book(**columns: Any) -> InvestmentBook:
    terms = {"rate_basis_points": 500, "return_months": 12, "return_type": 1, "claim_block_days": 0}
    made = {"contract": InvestmentContractFactory.create(), "reserve_units": 0} | terms | columns
    return InvestmentBook.objects.create(**made)


def investment_twice() -> None:
    amounts = ("deposited", "accumulated_interests", "total", "regular_payment", "paid")
    columns = {f"{name}_units": 0 for name in amounts} | {"claimable_ts": 0, "last_transfer_ts": 0}
    columns |= {"book": book(), "token_id": 1, "payments_transferred": 0, "status": 2}
    InvestmentEntry.objects.create(**columns)
    InvestmentEntry.objects.create(**columns)


def second_of_a_source() -> None:
    wallet = WalletFactory.create(network="stellar-local")
    TransactionFactory.create(wallet=wallet, signed=True, sequence=1)
    TransactionFactory.create(wallet=wallet, signed=True, sequence=1)


def twice(act: Callable[[], None]) -> Callable[[], None]:
    def acts() -> None:
        act()
        act()

    return acts


def second_ticket() -> None:
    contract = ContractFactory.create()
    ticket(contract=contract)
    ticket(contract=contract)


def second_holding() -> None:
    asset = AssetFactory.create()
    holding(asset=asset)
    holding(asset=asset)


def second_page() -> None:
    distribution = DistributionFactory.create()
    for _ in range(2):
        PlanPage.objects.create(distribution=distribution, number=0, size=1)


def two_holders_in_one_place() -> None:
    distribution = DistributionFactory.create()
    for holder in (HOLDER, "0x" + "22" * 20):
        PaymentFactory.create(distribution=distribution, ordinal=0, holder=holder)


class Declared:
    """One person's word about a transaction of its own."""

    @staticmethod
    def create(**columns: Any) -> ExpiryDeclaration:
        row = {"transaction": TransactionFactory.create(), "by": "ann", "reason": "lost"} | columns
        return ExpiryDeclaration.objects.create(**row)


class Installed:
    @staticmethod
    def create(**columns: Any) -> Installation:
        return Installation.objects.create(**{"instance_id": "a", "database_oid": 1} | columns)


class Seen:
    """One event of a followed contract."""

    @staticmethod
    def create(**columns: Any) -> ChainEvent:
        row = {"network": "hedera-local", "address": "0.0.7", "consensus_at": "1.000000001", "log_index": 0}
        return ChainEvent.objects.create(**row, seen_at=NOW, **columns)


class Taken:
    """One that a processor has taken."""

    @staticmethod
    def create(**columns: Any) -> ChainEvent:
        return Seen.create(processed_at=NOW, **columns)


class Followed:
    @staticmethod
    def create(**columns: Any) -> EventListener:
        return EventListener.objects.create(network="hedera-local", address="0.0.7", **columns)


class Paid:
    """Money that came to a contract, in the same transaction each time."""

    @staticmethod
    def create(units: int = 1) -> Deposit:
        contract = Contract.objects.first() or ContractFactory.create()
        return Deposit.objects.create(
            contract=contract,
            token=contract.payment_token,
            consensus_at="1.000000001",
            units=units,
            seen_at=NOW,
        )


class Differs:
    @staticmethod
    def create(**columns: Any) -> Difference:
        row = {"network": "hedera-local", "address": "0.0.7", "kind": "NOT_ON_CHAIN", "day": NOW.date()}
        return Difference.objects.create(
            **row, words="one is missing", compared_until="1.000000001", **columns
        )


class Sized:
    @staticmethod
    def create(**columns: Any) -> BatchSizing:
        return BatchSizing.objects.create(contract=ContractFactory.create(), **columns)


def open_subject_twice(status: str) -> Callable[[], None]:
    def act() -> None:
        TransactionFactory.create(subject="s", attempt=1, **{status: True} if status else {})
        TransactionFactory.create(subject="s", attempt=2)

    return act


CONSTRAINTS: dict[str, Callable[[], Any]] = {
    "wallet_once_per_account": again(WalletFactory, account="0.0.1"),
    "wallet_once_per_custody_wallet": again(WalletFactory, custody_wallet_id="wa-1"),
    "token_once_per_network": again(TokenFactory, address="0.0.1"),
    "token_decimals_fit_units": one(TokenFactory, decimals=78),
    "contract_once_per_network": again(ContractFactory, address="0.0.1"),
    "contract_required_funds_not_negative": one(ContractFactory, required_funds_units=-1),
    "asset_once_per_network": again(AssetFactory, address="0.0.1"),
    "holding_once_per_holder": second_holding,
    "holding_not_negative": lambda: holding(balance_units=-1),
    "hold_once_per_cause": again(HoldFactory),
    "hold_names_its_object": one(HoldFactory, scope="ASSET", object_uid=""),
    "transaction_once_per_attempt": again(TransactionFactory, subject="s", attempt=1, failed=True),
    "transaction_one_open_or_successful": open_subject_twice("succeeded"),
    "transaction_identified_before_signed": one(TransactionFactory, status="SIGNED"),
    "transaction_submitted_was_broadcast": one(TransactionFactory, submitted=True, broadcast_started_at=None),
    "expiry_declared_once_per_person": twice_with(
        Declared, lambda: {"transaction": TransactionFactory.create()}
    ),
    "deployment_one_open_per_asset": again(DeploymentFactory, asset_address="0.0.1"),
    "deployment_completed_has_contract": one(DeploymentFactory, status="COMPLETED"),
    "investment_deployment_once_per_label": again(InvestmentDeploymentFactory, label="Wind"),
    "investment_deployment_completed_has_contract": one(InvestmentDeploymentFactory, status="COMPLETED"),
    "event_once": again(Seen),
    "listener_once_per_address": again(Followed),
    "listener_reports_about_an_asset": one(Followed, kind="REPORTS", interface="reports/seed"),
    "listener_page_rows_in_range": one(Followed, page_rows=0),
    "listener_window_in_range": one(Followed, window_seconds=0),
    "deposit_once": again(Paid),
    "deposit_of_something": one(Paid, units=0),
    "difference_once": again(Differs),
    "difference_resolved_by_somebody": one(Differs, resolved_at=NOW, resolution="a reason"),
    "sizing_good_below_bad": one(Sized, largest_good=20, smallest_bad=20),
    "installation_only_one": one(Installed, is_only=False),
    "body_once_per_node": twice_with(
        SignedBodyFactory, lambda: {"transaction": TransactionFactory.create(signed=True), "node": "0.0.3"}
    ),
    "distribution_once_per_snapshot": twice_with(
        DistributionFactory, lambda: {"asset": AssetFactory.create(), "snapshot_id": 7}
    ),
    "distribution_once_per_corporate_action": twice_with(
        DistributionFactory, lambda: {"asset": AssetFactory.create(), "corporate_action_id": "7"}
    ),
    "distribution_amount_fits_its_type": one(DistributionFactory, amount_type="PERCENTAGE"),
    "distribution_once_per_occurrence": twice_with(
        DistributionFactory, lambda: {"schedule": ScheduleFactory.create(), "occurrence": 0}
    ),
    "distribution_once_per_deposit": twice_with(
        DistributionFactory, lambda: {"trigger": DepositTriggerFactory.create(), "deposit": Paid.create()}
    ),
    "distribution_once_per_round": twice_with(
        DistributionFactory, lambda: {"trigger": DepositTriggerFactory.create(), "trigger_round": 1}
    ),
    "schedule_amount_fits_its_type": one(ScheduleFactory, amount_units=None),
    "schedule_counts_some": one(ScheduleFactory, count=0),
    "trigger_amount_fits_its_type": one(DepositTriggerFactory, percentage_bp=10_001),
    "trigger_threshold_positive": one(DepositTriggerFactory, threshold_units=0),
    "corporate_action_once": twice_with(
        CorporateActionFactory, lambda: {"asset": AssetFactory.create(), "number": 1}
    ),
    "corporate_action_counts_from_1": one(CorporateActionFactory, number=0),
    "reissue_once_per_payment": twice_with(
        ReissueFactory, lambda: {"payment": PaymentFactory.create(failed=True)}
    ),
    "reissue_of_something": one(ReissueFactory, units=0),
    "reissue_paid_has_consensus_time": one(ReissueFactory, status="PAID"),
    "approval_of_one_thing": one(ApprovalFactory, reissue=None),
    "approval_by_a_second_person": one(ApprovalFactory, decided=True, decided_by="alice"),
    "approval_decided_says_by_whom": one(ApprovalFactory, decided=True, decided_by=""),
    "approval_one_open_per_reissue": twice_with(
        ApprovalFactory, lambda: {"reissue": ReissueFactory.create()}
    ),
    "approval_one_open_per_distribution": twice_with(
        ApprovalFactory, lambda: {"reissue": None, "distribution": DistributionFactory.create()}
    ),
    "distribution_dust_not_negative": one(DistributionFactory, dust_units=-1),
    "distribution_held_remembers_status": one(DistributionFactory, status="HELD"),
    "plan_page_once": second_page,
    "batch_once_per_number": twice_with(
        BatchFactory, lambda: {"distribution": DistributionFactory.create(), "number": 1}
    ),
    "batch_size_within_ceiling": one(BatchFactory, total=101),
    "batch_counts_fit_its_total": one(BatchFactory, total=3, successful=2, failed=2),
    "payment_once_per_holder": twice_with(
        PaymentFactory, lambda: {"distribution": DistributionFactory.create(), "holder": HOLDER}
    ),
    "payment_once_per_place": two_holders_in_one_place,
    "payment_units_not_negative": one(PaymentFactory, expected_units=-1),
    "payment_paid_units_mean_paid": one(PaymentFactory, paid_units=1),
    "payment_paid_has_consensus_time": one(PaymentFactory, paid=True, paid_at=""),
    "payment_skipped_owes_nothing": one(PaymentFactory, status="SKIPPED"),
    "reservation_not_negative": lambda: reservation(units=-1),
    "reservation_drawn_not_negative": lambda: reservation(drawn_units=-1),
    "draw_not_negative": lambda: Draw.objects.create(
        reservation=reservation(), subject="s", units=-1, consensus_ns=1
    ),
    "transaction_one_open_per_source": second_of_a_source,
    "notice_open_once_per_cause": twice(notice),
    "book_has_terms_or_a_problem": lambda: book(rate_basis_points=None),
    "investment_once_per_token_id": investment_twice,
    "ticket_open_once_per_contract": second_ticket,
    "ticket_processed_has_its_answer": lambda: ticket(status="PROCESSED", required_funds_units=0),
    "ticket_failed_says_why": lambda: ticket(status="FAILED"),
}


def own_models() -> list[type[models.Model]]:
    return [model for label in OWN_APPS for model in apps.get_app_config(label).get_models()]


def test_every_constraint_has_a_test_that_breaks_it() -> None:
    names = {constraint.name for model in own_models() for constraint in model._meta.constraints}

    assert names == set(CONSTRAINTS)


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(CONSTRAINTS))
def test_the_database_refuses(name: str) -> None:
    with pytest.raises(IntegrityError, match=f'"{name}"'), transaction.atomic():
        CONSTRAINTS[name]()


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["", "signed", "submitted", "succeeded"])
def test_no_status_that_is_open_or_successful_leaves_room_for_another_attempt(status: str) -> None:
    with pytest.raises(IntegrityError, match="transaction_one_open_or_successful"), transaction.atomic():
        open_subject_twice(status)()


@pytest.mark.django_db
@pytest.mark.parametrize("amount", [{"amount_units": 0}, {"amount_units": -1}, {"amount_units": None}])
def test_a_fixed_amount_is_above_nothing(amount: dict[str, int | None]) -> None:
    with pytest.raises(IntegrityError, match="distribution_amount_fits_its_type"), transaction.atomic():
        DistributionFactory.create(**amount)


@pytest.mark.django_db
@pytest.mark.parametrize("hundredths", [0, 10_001, None])
def test_a_percentage_is_above_nothing_and_at_most_the_whole(hundredths: int | None) -> None:
    with pytest.raises(IntegrityError, match="distribution_amount_fits_its_type"), transaction.atomic():
        DistributionFactory.create(percentage=True, percentage_bp=hundredths)


def rewrite(factory: Any, before: dict[str, Any], after: dict[str, Any]) -> Callable[[], None]:
    def act() -> None:
        row = factory.create(**before)
        type(row)._default_manager.filter(pk=row.pk).update(**after)

    return act


def remove(factory: Any, **columns: Any) -> Callable[[], None]:
    """Past Django's own protection, as a person with a database shell would."""

    def act() -> None:
        row = factory.create(**columns)
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {row._meta.db_table} WHERE id = %s", [row.pk])

    return act


def audited(**columns: Any) -> AuditEvent:
    return AuditEvent.write(WalletFactory.create(), what="status", target="X", by="tests")


class Audited:
    create = staticmethod(audited)


def rewrite_sealed() -> None:
    event = audited()
    AuditEvent.objects.filter(pk=event.pk).update(sequence=1, seal="aa")
    AuditEvent.objects.filter(pk=event.pk).update(seal="bb")


TRIGGERS: dict[str, list[Callable[[], Any]]] = {
    "transaction_kept": [remove(TransactionFactory)],
    "transaction_ended_for_ever": [
        rewrite(TransactionFactory, {"failed": True}, {"status": "SUCCEEDED"}),
        rewrite(TransactionFactory, {"succeeded": True}, {"status": "SUBMITTED"}),
        rewrite(TransactionFactory, {"signed": True, "status": "EXPIRED"}, {"status": "SUBMITTED"}),
    ],
    "transaction_identity_fixed": [
        rewrite(TransactionFactory, {"signed": True}, {"transaction_id": "0.0.1-1-1"}),
        rewrite(TransactionFactory, {"signed": True}, {"valid_start_ns": 1}),
        rewrite(TransactionFactory, {"signed": True}, {"valid_seconds": 1}),
    ],
    "body_kept": [remove(SignedBodyFactory)],
    "body_bytes_fixed": [
        rewrite(SignedBodyFactory, {}, {"body": b"other"}),
        rewrite(SignedBodyFactory, {}, {"signed_bytes": b"other"}),
        rewrite(SignedBodyFactory, {}, {"signed_bytes": None}),
        rewrite(SignedBodyFactory, {}, {"hash": "00"}),
    ],
    "declaration_kept": [remove(Declared)],
    "declaration_fixed": [rewrite(Declared, {}, {"reason": "other"})],
    "installation_kept": [remove(Installed)],
    "event_kept": [remove(Seen)],
    "event_fixed": [rewrite(Seen, {}, {"topics": ["0x00"]}), rewrite(Seen, {}, {"data": b"other"})],
    "event_meaning_fixed": [rewrite(Taken, {}, {"args": {"paid": 1}}), rewrite(Taken, {}, {"name": "other"})],
    "audit_kept": [remove(Audited)],
    "audit_fixed": [rewrite(Audited, {}, {"reason": "other"}), rewrite_sealed],
    "payment_paid_for_ever": [
        rewrite(PaymentFactory, {"paid": True}, {"status": "FAILED", "paid_units": 0}),
        rewrite(PaymentFactory, {"paid": True}, {"status": "REISSUED"}),
    ],
    "payment_kept": [remove(PaymentFactory)],
    "distribution_snapshot_fixed": [rewrite(DistributionFactory, {"planned": True}, {"snapshot_id": 999})],
    "distribution_pool_fixed": [
        rewrite(DistributionFactory, {"planned": True}, {"pool_units": 1}),
        rewrite(DistributionFactory, {"planned": True}, {"pool_units": None}),
    ],
}


@pytest.mark.django_db
def test_every_trigger_has_a_test_that_meets_it() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")
        names = {name for (name,) in cursor.fetchall()}

    assert names == set(TRIGGERS)


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "act"), [(name, act) for name, acts in TRIGGERS.items() for act in acts])
def test_evidence_stays(name: str, act: Callable[[], Any]) -> None:
    with pytest.raises(IntegrityError, match="are evidence and are never"), transaction.atomic():
        act()


@pytest.mark.django_db
def test_what_is_not_evidence_may_still_change() -> None:
    row = TransactionFactory.create(signed=True)
    ContractTransaction.objects.filter(pk=row.pk).update(waiting_reason="a reason")
    body = SignedBodyFactory.create(signed_bytes=None, hash="")
    SignedBody.objects.filter(pk=body.pk).update(signed_bytes=b"signed", hash="00")
    line = PaymentFactory.create(failed=True)
    Payment.objects.filter(pk=line.pk).update(status="PENDING")
    run = DistributionFactory.create()
    Distribution.objects.filter(pk=run.pk).update(snapshot_id=1, pool_units=1)
