"""Every page of the admin: it opens, it wears the skin, it is self-contained, and it tells no secret."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.admin import ModelAdmin

from config.beats import sync_beat, table
from config.models import Heartbeat
from config.tasks import record_heartbeat
from reserves.models import Draw, Reservation
from tests.factories import (
    BatchFactory,
    DeploymentFactory,
    DistributionFactory,
    HoldFactory,
    InvestmentDeploymentFactory,
    PaymentFactory,
    SignedBodyFactory,
    WalletFactory,
)
from tests.people import logged_in, operator, person, superuser, viewer

pytestmark = pytest.mark.django_db
INDEX = reverse("admin:index")
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)


@pytest.fixture
def rows() -> None:
    """At least one row of what has pages worth reading."""
    payment = PaymentFactory(paid=True, batch=BatchFactory())
    SignedBodyFactory()
    HoldFactory()
    DeploymentFactory()
    InvestmentDeploymentFactory()
    contract = payment.distribution.asset.payout_contract
    reservation = Reservation.objects.create(contract=contract, distribution_uid="one", units=7)
    Draw.objects.create(
        reservation=reservation, subject="batch:one:1", units=3, consensus_ns=1795176004000000001
    )
    sync_beat(table())
    record_heartbeat("worker")


def pages_of(model: type[Model]) -> list[str]:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    row = model._default_manager.first()
    return [reverse(f"{name}_changelist"), *([reverse(f"{name}_change", args=[row.pk])] if row else [])]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_page_opens_in_our_skin_and_loads_nothing_from_elsewhere(
    model: type[Model], rows: None
) -> None:
    assert isinstance(admin.site._registry[model], ModelAdmin)
    client = logged_in(superuser())
    for address in pages_of(model):
        answer = client.get(address)
        assert answer.status_code == 200, address
        page = answer.content.decode()
        assert "LOCAL" in page
        assert not re.findall(r'(?:src|action)="(?:https?:)?//', page)
        assert not re.findall(r'<link[^>]+href="(?:https?:)?//', page)
        assert not re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")", page), address


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_forms_that_exist_have_visible_inputs(model: type[Model]) -> None:
    client = logged_in(superuser())
    answer = client.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add"))
    if answer.status_code == 403:
        return
    form = answer.content.decode().partition(f'id="{model._meta.model_name}_form"')[2].partition("</form>")[0]
    inputs = re.findall(r"<(?:input|select|textarea)[^>]*>", form)
    skinned = re.compile(r'type="(?:hidden|submit)"|class="[^"]*\b(?:border|bg-|selectfilter)')
    assert inputs
    assert [one for one in inputs if not skinned.search(one)] == []


def test_who_may_only_look_can_open_every_list(rows: None) -> None:
    client = logged_in(viewer())
    for model in MODELS:
        for address in pages_of(model):
            assert client.get(address).status_code == 200, address


def test_no_page_shows_a_secret_of_the_settings(rows: None) -> None:
    client = logged_in(superuser())
    secrets = [
        settings.SECRET_KEY,
        settings.DATABASE_URL.get_secret_value(),
        settings.REDIS_URL.get_secret_value(),
    ]
    for address in [INDEX, *(address for model in MODELS for address in pages_of(model))]:
        page = client.get(address).content.decode()
        assert not [secret for secret in secrets if secret in page]


def test_the_policy_of_the_browser_allows_no_foreign_and_no_inline_script() -> None:
    policy = logged_in(superuser()).get(INDEX).headers["Content-Security-Policy"]
    assert "script-src 'self' 'unsafe-eval'" in policy
    assert "default-src 'self'" in policy


def test_the_overview_shows_what_runs_waits_is_held_and_failed() -> None:
    DistributionFactory.create_batch(2)
    DistributionFactory(planned=True, concept="the running one")
    DistributionFactory(held=True, status_reason="money is missing")
    HoldFactory(reason="the auditors are in the house")
    answer = logged_in(viewer()).get(INDEX)
    assert [card["count"] for card in answer.context["cards"]] == [2, 1, 1, 0, 0, 0, 0]
    page = answer.content.decode()
    for words in (
        "the running one",
        "money is missing",
        "the auditors are in the house",
        "No transaction is open.",
    ):
        assert words in page


def test_a_process_that_was_never_seen_or_is_silent_does_not_look_alive() -> None:
    record_heartbeat("worker")
    Heartbeat.objects.create(process="signer", seen_at=timezone.now() - timedelta(minutes=5))
    states = [str(row[1]) for row in logged_in(viewer()).get(INDEX).context["processes"].rows]
    for state, words in zip(states, ("ALIVE", "SILENT", "NEVER SEEN"), strict=True):
        assert words in state


def test_the_overview_shows_nothing_to_who_may_see_nothing() -> None:
    DistributionFactory(concept="a quiet deal")
    HoldFactory(reason="a quiet reason")
    WalletFactory(stopped_reason="a quiet stop")
    page = logged_in(person("newcomer")).get(INDEX).content.decode()
    assert "quiet" not in page
    assert "admin/payouts/distribution" not in page


def test_the_network_is_on_every_page_and_in_the_tab(settings: Any) -> None:
    settings.HEDERA_NETWORK = "mainnet"
    page = logged_in(viewer()).get(INDEX).content.decode()
    assert "[MAINNET]" in page
    assert re.search(r"bg-red-\d+[^>]*>\s*MAINNET", page)


def test_of_our_periodic_tasks_only_the_schedule_and_the_switch_change() -> None:
    sync_beat(table())
    row = PeriodicTask.objects.get(name="contracts: sweep")
    other = IntervalSchedule.objects.create(every=7, period="seconds")
    address = reverse("admin:django_celery_beat_periodictask_change", args=[row.pk])
    sent = {"name": "mine", "task": "os.system", "queue": "signing", "enabled": "on", "interval": other.pk}
    assert logged_in(superuser()).post(address, sent).status_code == 302
    row.refresh_from_db()
    assert (row.name, row.task, row.queue) == ("contracts: sweep", "contracts.sweep", "default")
    assert row.interval == other
    delete = reverse("admin:django_celery_beat_periodictask_delete", args=[row.pk])
    assert logged_in(User.objects.get()).post(delete, {"post": "yes"}).status_code == 403


def test_an_operator_can_add_a_periodic_task() -> None:
    every = IntervalSchedule.objects.create(every=7, period="seconds")
    sent = {"name": "mine", "regtask": "contracts.sweep", "interval": every.pk, "args": "[]", "kwargs": "{}"}
    add = reverse("admin:django_celery_beat_periodictask_add")
    answer = logged_in(superuser()).post(add, sent)
    assert answer.status_code == 302, answer.context["errors"]
    assert PeriodicTask.objects.get().task == "contracts.sweep"


def test_the_key_of_a_device_is_on_no_page_and_its_code_is_seen_until_first_use() -> None:
    root = superuser()
    device = TOTPDevice.objects.create(user=root, name="phone")
    page = reverse("admin:otp_totp_totpdevice_change", args=[device.pk])
    scan = reverse("admin:otp_totp_totpdevice_config", args=[device.pk])
    image = reverse("admin:otp_totp_totpdevice_qrcode", args=[device.pk])
    may, may_not = logged_in(root), logged_in(viewer())
    assert [may.get(one).status_code for one in (page, scan, image)] == [200, 200, 200]
    assert [may_not.get(one).status_code for one in (page, scan, image)] == [200, 403, 403]
    key = device.config_url.split("secret=")[1].split("&")[0]
    for address in (page, scan, reverse("admin:otp_totp_totpdevice_changelist")):
        text = may.get(address).content.decode()
        assert device.key not in text
        assert key not in text

    TOTPDevice.objects.update(last_used_at=timezone.now())
    assert [may.get(one).status_code for one in (scan, image)] == [403, 403]


def test_nobody_raises_themselves_to_superuser() -> None:
    root = superuser()
    user = operator("auth.change_user", "auth.view_user")
    client = logged_in(user)
    own = reverse("admin:auth_user_change", args=[user.pk])
    sent = {"username": "olivia", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    client.post(own, sent)
    assert not User.objects.get(pk=user.pk).is_superuser
    above = reverse("admin:auth_user_password_change", args=[root.pk])
    passwords = {"password1": "correct horse 99 battery", "password2": "correct horse 99 battery"}
    assert client.post(above, passwords | {"usable_password": "true"}).status_code == 403
