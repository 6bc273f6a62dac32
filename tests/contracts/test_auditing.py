"""The audit trail: sealed behind the money, and any later change of it shows."""

import threading
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from contracts.models import AuditEvent
from contracts.services.auditing import verify_audit
from contracts.services.holds import HoldRefused, lift_hold, place_hold
from contracts.services.sweeping import seal_audit_events
from contracts.services.wallets import start_wallet, stop_wallet
from tests.factories import WalletFactory


def write(count: int) -> None:
    wallet = WalletFactory.create()
    for number in range(count):
        AuditEvent.write(wallet, what="status", source="A", target="B", reason=f"reason {number}", by="tests")


def tamper(statement: str) -> None:
    """As somebody with a database shell and the owner's rights would: triggers off first."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE contracts_auditevent DISABLE TRIGGER USER")
        cursor.execute(statement)
        cursor.execute("ALTER TABLE contracts_auditevent ENABLE TRIGGER USER")


@pytest.mark.django_db
def test_events_are_sealed_in_one_chain_over_several_rounds() -> None:
    write(3)
    assert seal_audit_events() == 3
    write(2)
    assert verify_audit().unsealed == 2
    assert seal_audit_events() == 2
    assert seal_audit_events() == 0

    events = list(AuditEvent.objects.order_by("sequence"))
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5]
    assert len({event.seal for event in events}) == 5
    verdict = verify_audit()
    assert (verdict.sealed, verdict.unsealed, verdict.broken_at) == (5, 0, None)
    assert verdict.last_seal == events[-1].seal


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("statement", "broken_at"),
    [
        ("UPDATE contracts_auditevent SET reason = 'another' WHERE sequence = 2", 2),
        ("UPDATE contracts_auditevent SET by = 'somebody else' WHERE sequence = 1", 1),
        ("UPDATE contracts_auditevent SET object_label = 'another' WHERE sequence = 3", 3),
        ("UPDATE contracts_auditevent SET at = at + interval '1 second' WHERE sequence = 4", 4),
        ("DELETE FROM contracts_auditevent WHERE sequence = 3", 3),
        ("DELETE FROM contracts_auditevent WHERE sequence = 1", 1),
        ("UPDATE contracts_auditevent SET sequence = 9 WHERE sequence = 4", 4),
        ("UPDATE contracts_auditevent SET seal = '' WHERE sequence = 4", 4),
    ],
)
def test_whatever_is_changed_or_removed_after_sealing_shows(statement: str, broken_at: int) -> None:
    write(4)
    seal_audit_events()
    tamper(statement)

    assert verify_audit().broken_at == broken_at


@pytest.mark.django_db
def test_the_boundaries_between_fields_are_part_of_the_seal() -> None:
    write(1)
    seal_audit_events()
    tamper("UPDATE contracts_auditevent SET source = 'AB', target = ''")

    assert verify_audit().broken_at == 1


@pytest.mark.django_db
def test_the_command_says_whether_the_chain_holds() -> None:
    write(2)
    seal_audit_events()
    out, err = StringIO(), StringIO()
    call_command("verify_audit", stdout=out, stderr=err)
    assert "2 events hold, 0 are not sealed yet" in out.getvalue()

    tamper("UPDATE contracts_auditevent SET reason = 'another' WHERE sequence = 2")
    with pytest.raises(SystemExit) as caught:
        call_command("verify_audit", stdout=out, stderr=err)
    assert caught.value.code == 1
    assert "event 2 of 2 was changed" in err.getvalue()


@pytest.mark.django_db(transaction=True)
def test_two_sealers_at_once_make_one_chain() -> None:
    write(50)
    barrier, sealed = threading.Barrier(2), []

    def seal() -> None:
        barrier.wait()
        sealed.append(seal_audit_events())
        connection.close()

    threads = [threading.Thread(target=seal) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(sealed) == 50
    assert (verify_audit().sealed, verify_audit().broken_at) == (50, None)


@pytest.mark.django_db
def test_what_a_person_does_is_written_with_name_and_reason() -> None:
    hold = place_hold(scope="GLOBAL", cause="OPERATOR", reason="month end", by="ann")
    lift_hold(hold, reason="month began", by="bob")
    wallet = WalletFactory.create()
    assert stop_wallet(wallet, "a doubt", by="ann")
    assert not stop_wallet(wallet, "another doubt", by="ann")
    start_wallet(wallet, reason="no doubt", by="bob")

    rows = AuditEvent.objects.order_by("id").values_list("what", "source", "target", "reason", "by")
    assert list(rows) == [
        ("hold", "", "OPEN", "month end", "ann"),
        ("hold", "OPEN", "LIFTED", "month began", "bob"),
        ("stop", "", "STOPPED", "a doubt", "ann"),
        ("stop", "STOPPED", "", "no doubt", "bob"),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "act",
    [
        lambda: place_hold(scope="GLOBAL", cause="OPERATOR", reason=" ", by="ann"),
        lambda: lift_hold(
            place_hold(scope="GLOBAL", cause="OPERATOR", reason="x", by="ann"), reason="", by="ann"
        ),
    ],
)
def test_nobody_acts_without_a_reason(act: Callable[[], object]) -> None:
    with pytest.raises(HoldRefused, match="say why"):
        act()
