"""A second person's word: on exactly what was asked, by somebody else, once."""

import pytest
from django.db import IntegrityError, transaction

from contracts.models import AuditEvent
from payouts.models import Approval, Reissue
from payouts.services import approving
from payouts.services.approving import NotDecided, decide, request_approval, state_of, why_not_valid
from payouts.services.reissuing import hash_of
from tests.factories import ReissueFactory
from tests.threads import together

pytestmark = pytest.mark.django_db


def asked(by: str = "alice") -> Approval:
    reissue = ReissueFactory.create(requested_by=by)
    with transaction.atomic():
        return request_approval(reissue, words="5.002 USDC to another wallet", by=by)


def approve(approval: Approval, by: str = "bob") -> bool:
    return decide(approval, is_approved=True, by=by, reason="I have seen the letter")


def of(approval: Approval) -> Reissue:
    return Reissue.objects.get(pk=approval.reissue_id)


def test_a_second_person_approves_and_both_are_kept() -> None:
    approval = asked()
    assert why_not_valid(of(approval)) == "it waits for the approval of a second person"

    assert approve(approval)

    approval.refresh_from_db()
    assert (approval.requested_by, approval.decided_by, state_of(approval)) == ("alice", "bob", "APPROVED")
    assert of(approval).status == "APPROVED" and why_not_valid(of(approval)) is None
    told = AuditEvent.objects.filter(noun="approval").order_by("pk").values_list("by", "target", "reason")
    assert list(told) == [
        ("alice", "OPEN", "5.002 USDC to another wallet"),
        ("bob", "APPROVED", "I have seen the letter"),
    ]


@pytest.mark.parametrize(
    ("asker", "decider"),
    [("alice", "alice"), ("alice", "Alice"), ("alice", "alice (command)"), ("alice (command)", "alice ")],
)
def test_whoever_asked_cannot_decide_under_any_spelling(asker: str, decider: str) -> None:
    approval = asked(asker)

    with pytest.raises(NotDecided, match="a second person has to decide"):
        approve(approval, decider)

    approval.refresh_from_db()
    assert state_of(approval) == "OPEN" and of(approval).status == "REQUESTED"


def test_the_database_refuses_the_same_person_as_well() -> None:
    approval = asked()

    with pytest.raises(IntegrityError, match="approval_by_a_second_person"), transaction.atomic():
        Approval.objects.filter(pk=approval.pk).update(
            decided_by="alice", is_approved=True, decided_at=approval.requested_at
        )


def test_a_refusal_ends_what_was_asked_for() -> None:
    approval = asked()

    decide(approval, is_approved=False, by="bob", reason="the letter is a copy")

    approval.refresh_from_db()
    assert state_of(approval) == "REFUSED"
    assert (of(approval).status, of(approval).status_reason) == ("REFUSED", "the letter is a copy")


def test_nobody_decides_twice_or_without_a_reason() -> None:
    approval = asked()
    with pytest.raises(NotDecided, match="say why"):
        decide(approval, is_approved=True, by="bob", reason=" ")
    with pytest.raises(NotDecided, match="say who"):
        decide(approval, is_approved=True, by=" ", reason="fine")
    approve(approval)

    with pytest.raises(NotDecided, match="it is APPROVED by bob already: I have seen the letter"):
        decide(approval, is_approved=False, by="carol", reason="no")


def test_what_has_changed_since_is_not_approved_but_void() -> None:
    approval = asked()
    Reissue.objects.filter(pk=approval.reissue_id).update(units=1)

    assert not approve(approval)

    approval.refresh_from_db()
    assert (state_of(approval), approval.reason) == ("VOIDED", "what was asked for has changed since")
    assert of(approval).status == "REQUESTED"


def test_what_changes_after_the_approval_makes_it_worthless() -> None:
    approval = asked()
    approve(approval)
    Reissue.objects.filter(pk=approval.reissue_id).update(wallet="0x" + "ab" * 20)

    assert why_not_valid(of(approval)) == "it is not what was approved; ask for another approval"


def test_asking_again_voids_what_was_asked_before() -> None:
    first = asked()

    second = request_approval(of(first), words="again", by="carol")

    first.refresh_from_db()
    assert state_of(first) == "VOIDED"
    with pytest.raises(NotDecided, match="it is VOIDED already: asked for again"):
        approve(first)
    assert approve(second)


def test_the_hash_names_payment_wallet_and_units() -> None:
    reissue = ReissueFactory.create()
    other = ReissueFactory.create(payment__ordinal=77)
    first = hash_of(reissue)
    reissue.units = 1

    assert len({first, hash_of(reissue), hash_of(other)}) == 3
    assert approving.hash_over(a=1, b="x") == approving.hash_over(b="x", a=1)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_decide_at_the_same_moment_one_does() -> None:
    approval = asked()

    def refuse() -> None:
        decide(approval, is_approved=False, by="carol", reason="no")

    (loser,) = together(lambda: approve(approval), refuse)

    assert isinstance(loser, NotDecided)
    approval.refresh_from_db()
    assert of(approval).status == state_of(approval)
