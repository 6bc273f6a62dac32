"""Two people's word: only for a guarded call, only after a day without a proof, and only from two different people."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from contracts.models import AuditEvent, ContractTransaction, ExpiryDeclaration
from contracts.services.declaring import NotDeclared, declare_expired, may_be_declared
from tests.contracts.probe import Probe, Status, lost
from tests.people import logged_in, messages_of, person, press, viewer


@pytest.fixture
def unresolved(probe: Probe) -> ContractTransaction:
    """Sent a day ago, and not looked for since."""
    row = lost(probe)
    probe.world.advance(86_400 + 130)
    return row


def test_two_different_people_expire_it_and_both_reasons_are_kept(
    probe: Probe, unresolved: ContractTransaction
) -> None:
    probe.arrows.clear()
    assert not declare_expired(unresolved, by="ann", reason="the node lost it")
    unresolved.refresh_from_db()
    assert unresolved.status == Status.SUBMITTED

    assert declare_expired(unresolved, by="bob", reason="the explorer does not know it either")

    unresolved.refresh_from_db()
    assert (unresolved.status, unresolved.error_class) == (Status.EXPIRED, "EXPIRED")
    assert unresolved.error_text == (
        "declared expired by ann (the node lost it) and bob (the explorer does not know it either)"
    )
    kept = ExpiryDeclaration.objects.filter(transaction=unresolved).order_by("pk")
    assert [(one.by, one.reason) for one in kept] == [
        ("ann", "the node lost it"),
        ("bob", "the explorer does not know it either"),
    ]
    assert probe.arrows == ["EXPIRED"]
    moved = AuditEvent.objects.filter(noun="contracttransaction", what="status", target="EXPIRED").get()
    assert moved.by == "bob" and moved.reason == unresolved.error_text
    probe.world.clear("consensus.lose")
    assert probe.until(probe.plan(unresolved.subject), Status.SUCCEEDED).attempt == 2


def test_one_person_is_not_two(unresolved: ContractTransaction) -> None:
    declare_expired(unresolved, by="ann", reason="lost")
    with pytest.raises(NotDeclared, match="a second person has to agree"):
        declare_expired(unresolved, by="ann", reason="really lost")

    unresolved.refresh_from_db()
    assert unresolved.status == Status.SUBMITTED
    assert ExpiryDeclaration.objects.count() == 1


def test_before_a_day_has_passed_on_chain_nobody_may(probe: Probe) -> None:
    row = lost(probe)
    probe.world.fault("mirror.lag_seconds", seconds=1000)
    probe.world.advance(2 * 86_400)

    assert may_be_declared(row), "by our own clock"
    with pytest.raises(NotDeclared, match="by the chain's time it can be declared expired in"):
        declare_expired(row, by="ann", reason="lost")
    assert not ExpiryDeclaration.objects.exists()


def test_a_call_without_a_guard_is_never_declared(probe: Probe) -> None:
    row = lost(probe, has_guard=False)
    probe.world.advance(86_400 + 130)

    assert not may_be_declared(row)
    with pytest.raises(NotDeclared, match="only a proof ends it"):
        declare_expired(row, by="ann", reason="lost")


def test_what_is_on_chain_is_not_declared_absent(probe: Probe) -> None:
    row = probe.on_chain()
    probe.world.advance(86_400 + 130)

    with pytest.raises(NotDeclared, match="it is on chain"):
        declare_expired(row, by="ann", reason="lost")


def test_without_the_mirror_node_nothing_is_declared(
    probe: Probe, unresolved: ContractTransaction, quick_retries: None
) -> None:
    probe.world.fault("mirror.down")
    with pytest.raises(NotDeclared, match="has to be asked first"):
        declare_expired(unresolved, by="ann", reason="lost")


def test_an_ended_call_is_not_declared(unresolved: ContractTransaction) -> None:
    for name in ("ann", "bob"):
        declare_expired(unresolved, by=name, reason="lost")
    unresolved.refresh_from_db()
    with pytest.raises(NotDeclared, match="it is EXPIRED"):
        declare_expired(unresolved, by="cem", reason="lost")


def client_of(name: str) -> Client:
    named = Permission.objects.filter(codename="declare_expired")
    return logged_in(person(name, *Permission.objects.filter(codename__startswith="view_"), *named))


def test_the_button_is_for_people_with_the_permission_and_asks_for_a_reason(
    unresolved: ContractTransaction,
) -> None:
    page = reverse("admin:contracts_contracttransaction_change", args=[unresolved.pk])
    button = reverse("admin:contracts_contracttransaction_declare_expired", args=[unresolved.pk])
    outsider = logged_in(viewer())
    assert button not in outsider.get(page).content.decode()
    assert press(outsider, button).status_code == 403

    first, second = client_of("ann"), client_of("bob")
    assert button in first.get(page).content.decode()
    assert press(first, button, reason=" ").status_code == 200
    for client, words in (
        (first, "A second person"),
        (first, "declared it already"),
        (second, "It is EXPIRED"),
    ):
        press(client, button, reason="the explorer does not know it")
        assert words in " ".join(messages_of(client, page))

    unresolved.refresh_from_db()
    assert unresolved.status == Status.EXPIRED
