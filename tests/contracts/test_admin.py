"""Evidence cannot be touched, and what a person does goes through a dialog, with a reason and a name."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from contracts.admin.base import EvidenceAdmin
from contracts.models import AuditEvent, Hold, Wallet
from payouts.models import Distribution
from tests.factories import (
    AssetFactory,
    BatchFactory,
    ContractFactory,
    DistributionFactory,
    HoldFactory,
    PaymentFactory,
    SignedBodyFactory,
    TransactionFactory,
    WalletFactory,
)
from tests.people import logged_in, messages_of, operator, press, superuser, viewer

pytestmark = pytest.mark.django_db
HOLDABLE = [AssetFactory, ContractFactory, DistributionFactory]
EVIDENCE = [
    "contracts.contracttransaction",
    "contracts.signedbody",
    "contracts.auditevent",
    "contracts.hold",
    "contracts.wallet",
    "contracts.contract",
    "contracts.asset",
    "payouts.payment",
    "payouts.batch",
    "payouts.planpage",
    "reserves.reservation",
    "reserves.draw",
]


def address(row: Model, page: str = "change") -> str:
    """Of a row's page, or of a button on it."""
    label = f"admin:{row._meta.app_label}_{row._meta.model_name}"
    return reverse(f"{label}_{page}", args=[row.pk])


def powerful() -> Client:
    return logged_in(operator("contracts.place_hold", "contracts.lift_hold", "contracts.stop_wallet"))


@pytest.mark.parametrize("label", EVIDENCE)
def test_no_permission_makes_evidence_editable(label: str) -> None:
    shown = {f"{model._meta.label_lower}": one for model, one in admin.site._registry.items()}[label]
    assert isinstance(shown, EvidenceAdmin)
    request: Any = type("Request", (), {"user": superuser()})
    # Contracts are added by a form of their own, which asks the chain.
    assert shown.has_add_permission(request) == (label == "contracts.contract")
    assert not shown.has_change_permission(request)
    assert not shown.has_delete_permission(request)


@pytest.mark.parametrize("factory", [PaymentFactory, BatchFactory, TransactionFactory, SignedBodyFactory])
def test_a_superuser_who_posts_to_a_money_row_is_refused(factory: Callable[[], Model]) -> None:
    row, client = factory(), logged_in(superuser())
    changed = client.post(address(row), {"status": "PAID", "paid_units": "1"})
    deleted = client.post(address(row, "delete"), {"post": "yes"})
    assert (changed.status_code, deleted.status_code) == (403, 403)
    assert type(row)._default_manager.filter(pk=row.pk).exists()


def test_signed_bytes_are_a_length_and_a_hash() -> None:
    body = SignedBodyFactory()
    page = logged_in(superuser()).get(address(body)).content.decode()
    assert f"{len(body.signed_bytes)} bytes" in page
    assert body.hash in page
    assert body.body_hash in page
    assert "the body of a transaction" not in page


def test_a_transaction_shows_its_error_in_words_and_what_is_not_known() -> None:
    client = logged_in(viewer())
    failed = client.get(address(TransactionFactory(failed=True))).content.decode()
    assert "the payout contract is paused" in failed
    assert "0.87654321 HBAR" in failed
    assert "87654321 tinybars" in failed
    planned = client.get(address(TransactionFactory())).content.decode()
    assert planned.count("unknown yet") >= 5


@pytest.mark.parametrize("factory", HOLDABLE)
def test_a_get_shows_the_form_and_never_acts(factory: Callable[[], Any]) -> None:
    row = factory()
    answer = powerful().get(address(row, "place_hold"), {"reason": "a link", "_form_submitted": "True"})
    assert answer.status_code == 200
    assert "reason" in answer.content.decode()
    assert not Hold.objects.exists()


def test_a_post_without_a_csrf_token_is_refused() -> None:
    row = DistributionFactory()
    client = logged_in(superuser(), checks_csrf=True)
    assert press(client, address(row, "place_hold")).status_code == 403
    assert press(client, address(row, "execute")).status_code == 403
    assert press(client, reverse("admin:contracts_hold_place_global_hold")).status_code == 403
    assert not Hold.objects.exists()
    assert Distribution.objects.get().status == Distribution.Status.PENDING


@pytest.mark.parametrize("reason", ["", "   "])
def test_a_button_without_a_reason_does_nothing(reason: str) -> None:
    row = AssetFactory()
    answer = press(powerful(), address(row, "place_hold"), reason=reason)
    assert "This field is required" in answer.content.decode()
    assert not Hold.objects.exists()


@pytest.mark.parametrize("factory", HOLDABLE)
def test_a_hold_is_placed_and_lifted_with_a_reason_and_a_name(factory: Callable[[], Any]) -> None:
    row, client = factory(), powerful()

    answer = press(client, address(row, "place_hold"))
    assert answer.headers["Location"] == address(row)
    hold = Hold.objects.get()
    assert (hold.scope, hold.object_uid) == (row._meta.model_name.upper(), row.uid)
    assert (hold.cause, hold.placed_by, hold.reason) == (
        "OPERATOR",
        "olivia",
        "the auditors are in the house",
    )

    press(client, address(row, "lift_hold"), reason="they have left")
    hold.refresh_from_db()
    assert (hold.lifted_by, hold.lift_reason) == ("olivia", "they have left")
    assert list(AuditEvent.objects.order_by("pk").values_list("target", "by")) == [
        ("OPEN", "olivia"),
        ("LIFTED", "olivia"),
    ]


def test_the_dialog_of_the_page_is_answered_with_a_redirection_that_htmx_follows() -> None:
    row = AssetFactory()
    client = powerful()
    answer = client.post(
        address(row, "place_hold"), {"_form_submitted": "True", "reason": "x"}, headers={"HX-Request": "true"}
    )
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, address(row))


def test_a_hold_of_code_that_needs_a_person_is_lifted_from_the_page_it_is_on() -> None:
    row, client = DistributionFactory(held=True), powerful()
    for cause, needs_operator in (("CUSTODY", True), ("RESERVE", False)):
        HoldFactory(scope="DISTRIBUTION", object_uid=row.uid, cause=cause, needs_operator=needs_operator)
    press(client, address(row, "lift_hold"))
    assert [hold.cause for hold in Hold.objects.open()] == ["RESERVE"]
    press(client, address(row, "lift_hold"))
    assert any("no hold on it any more" in said for said in messages_of(client, address(row)))


def test_everything_is_held_and_released_from_the_list_of_holds() -> None:
    client = powerful()
    press(client, reverse("admin:contracts_hold_place_global_hold"))
    hold = Hold.objects.get()
    assert (hold.scope, hold.placed_by) == ("GLOBAL", "olivia")
    assert "Everything is held" in client.get(reverse("admin:index")).content.decode()
    press(client, address(hold, "lift_this_hold"))
    assert not Hold.objects.open().exists()


def test_a_hold_that_is_lifted_already_says_by_whom() -> None:
    hold, client = HoldFactory(), powerful()
    press(client, address(hold, "lift_this_hold"))
    press(client, address(hold, "lift_this_hold"))
    assert any("olivia had lifted the hold" in said for said in messages_of(client, address(hold)))


def test_buttons_follow_the_state() -> None:
    asset, client = AssetFactory(), powerful()
    before = client.get(address(asset)).content.decode()
    press(client, address(asset, "place_hold"))
    after = client.get(address(asset)).content.decode()
    assert (address(asset, "place_hold") in before, address(asset, "lift_hold") in before) == (True, False)
    assert (address(asset, "place_hold") in after, address(asset, "lift_hold") in after) == (False, True)


@pytest.mark.parametrize("factory", HOLDABLE)
def test_who_may_only_look_sees_no_button_and_cannot_act(factory: Callable[[], Any]) -> None:
    row, client = factory(), logged_in(viewer())
    page = client.get(address(row))
    assert page.status_code == 200
    assert address(row, "place_hold") not in page.content.decode()
    assert client.get(address(row, "place_hold")).status_code == 403
    assert press(client, address(row, "place_hold")).status_code == 403
    assert not Hold.objects.exists()


def test_a_wallet_is_stopped_and_started_by_a_person() -> None:
    wallet, client = WalletFactory(), powerful()

    press(client, address(wallet, "stop"))
    stopped = Wallet.objects.get()
    assert stopped.stopped_reason == "the auditors are in the house"
    assert "is stopped" in client.get(reverse("admin:index")).content.decode()
    press(client, address(wallet, "stop"), reason="again")
    assert any("stopped already" in said for said in messages_of(client, address(wallet)))

    press(client, address(wallet, "start"), reason="they have left")
    assert Wallet.objects.get().stopped_reason == ""
    assert set(AuditEvent.objects.values_list("by", flat=True)) == {"olivia"}


def test_a_button_of_a_row_that_is_gone_is_not_found() -> None:
    gone = reverse("admin:contracts_asset_place_hold", args=[999])
    assert press(powerful(), gone).status_code == 404


def test_the_history_of_evidence_is_the_audit_trail() -> None:
    asset, client = AssetFactory(), powerful()
    press(client, address(asset, "place_hold"))
    hold = Hold.objects.get()
    page = client.get(address(hold, "history"), follow=True).content.decode()
    assert "the auditors are in the house" in page
