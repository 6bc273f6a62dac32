"""Whose database this is: a copy that is started elsewhere signs and sends nothing, and says why."""

from collections.abc import Iterator

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from contracts.models import AuditEvent, ContractTransaction, Hold, Installation
from contracts.services import fencing, identity
from contracts.services.identity import Server
from contracts.services.planning import Waiting
from contracts.services.resolving import resolve_transaction
from contracts.services.signing import sign_transaction
from tests.contracts.probe import Probe, Status, lost
from tests.factories import TransactionFactory

THEIRS = "7000000000000000001"


@pytest.fixture(autouse=True)
def asked_afresh() -> Iterator[None]:
    identity.forget()
    yield
    identity.forget()


def moved(**columns: object) -> None:
    """The rows of this database find themselves in another place."""
    Installation.objects.update(**columns)
    identity.forget()


def test_the_first_signature_writes_down_whose_database_it_is(probe: Probe) -> None:
    assert not Installation.objects.exists()
    probe.until(probe.plan(), Status.SUCCEEDED)

    known = Installation.objects.get()
    here = identity.server()
    assert known.instance_id == "test"
    assert (known.system_identifier, known.database_oid) == (here.system_identifier, here.database_oid)
    assert int(here.system_identifier) > 0 and here.database_oid > 0
    assert AuditEvent.objects.filter(noun="installation", what="claim", reason="first use").count() == 1
    assert fencing.identity_problem() is None


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"instance_id": "acme"}, "belongs to the Paydate 'acme', and PAYDATE_INSTANCE_ID is 'test'"),
        ({"system_identifier": THEIRS}, "copied, restored or upgraded"),
        ({"database_oid": 1}, "copied, restored or upgraded"),
    ],
)
def test_a_copy_signs_nothing_holds_everything_and_names_the_fix(
    probe: Probe, columns: dict[str, object], words: str
) -> None:
    probe.until(probe.plan(), Status.SUCCEEDED)
    row = probe.plan()
    moved(**columns)
    asked = probe.world.signatures_asked()
    sign_transaction(row.pk)

    row.refresh_from_db()
    assert words in row.waiting_reason and "claim_wallets" in row.waiting_reason
    assert (row.transaction_id, probe.world.signatures_asked()) == (None, asked)
    hold = Hold.objects.open().get()
    assert (hold.scope, hold.cause, hold.needs_operator) == ("GLOBAL", "FENCE", True)
    assert words in hold.reason
    with pytest.raises(Waiting, match="claim_wallets"):
        probe.plan()


def test_a_copy_does_not_send_what_the_original_has_signed(probe: Probe) -> None:
    probe.world.fault("custody.approval", count=1, match="/signatures", mode="pending")
    row = probe.until_waiting(probe.plan(), "custody waits for approval")
    probe.world.control.do_approve()
    probe.closed = "held for the test"
    probe.until_waiting(row, "held for the test")
    assert row.status == Status.SIGNED
    probe.closed = None
    moved(database_oid=1)
    sign_transaction(row.pk)

    row.refresh_from_db()
    assert (row.status, row.broadcast_started_at) == (Status.SIGNED, None)
    assert "copied, restored or upgraded" in row.waiting_reason
    assert not probe.executed(row)


def test_a_copy_does_not_send_again_what_the_original_has_sent(probe: Probe) -> None:
    row = lost(probe)
    sends = row.bodies.get().sends
    moved(database_oid=1)
    probe.world.advance(11)
    resolve_transaction(row.pk)

    row.refresh_from_db()
    assert row.bodies.get().sends == sends
    assert "copied, restored or upgraded" in row.waiting_reason


@pytest.mark.django_db
def test_a_database_from_before_identities_belongs_to_whom_its_newest_call_names(settings: Settings) -> None:
    TransactionFactory(memo="pd1:acme:batch:0:1")
    assert "belongs to the Paydate 'acme'" in str(identity.identity_problem())

    settings.PAYDATE_INSTANCE_ID = "acme"
    assert identity.take_into_use() is None
    assert Installation.objects.get().instance_id == "acme"


@pytest.mark.django_db
def test_asking_alone_writes_nothing() -> None:
    assert identity.identity_problem() is None
    assert not Installation.objects.exists()


@pytest.mark.django_db
def test_the_answer_is_remembered_for_a_few_seconds(settings: Settings) -> None:
    identity.take_into_use()
    assert identity.identity_problem() is None
    Installation.objects.update(database_oid=1)
    assert identity.identity_problem() is None

    identity.forget()
    assert identity.identity_problem() is not None


@pytest.mark.django_db
def test_a_postgresql_that_keeps_its_identifier_to_itself_is_recognised() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE guest; GRANT USAGE ON SCHEMA public TO guest")
        cursor.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
        cursor.execute("SET LOCAL ROLE guest")
        found = identity.server()
        cursor.execute("RESET ROLE")

    assert found.system_identifier == "" and found.database_oid > 0


@pytest.mark.django_db
def test_without_the_identifier_nothing_is_signed_until_a_person_accepts_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = identity.server()
    monkeypatch.setattr(identity, "server", lambda: Server("", here.database_oid))
    assert "GRANT EXECUTE ON FUNCTION pg_control_system()" in str(identity.take_into_use())
    assert not Installation.objects.exists()

    identity.record_claim(identity.server(), by="ann", reason="a managed database")
    identity.forget()
    assert identity.identity_problem() is None
    monkeypatch.setattr(identity, "server", lambda: here)
    identity.forget()
    assert identity.identity_problem() is None, "knowing more than was accepted is no difference"


@pytest.mark.django_db
def test_an_identifier_that_was_told_once_must_not_be_missing_later(monkeypatch: pytest.MonkeyPatch) -> None:
    identity.take_into_use()
    here = identity.server()
    monkeypatch.setattr(identity, "server", lambda: Server("", here.database_oid))
    identity.forget()

    assert "not told to this user" in str(identity.identity_problem())


@pytest.mark.django_db(transaction=True)
def test_a_mismatch_opens_one_hold_and_not_one_for_every_look() -> None:
    identity.take_into_use()
    moved(instance_id="acme")
    for _ in range(3):
        identity.hold_everything(str(identity.identity_problem()))

    assert Hold.objects.count() == 1
    assert not ContractTransaction.objects.exists()
