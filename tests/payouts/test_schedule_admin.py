"""Times, series and deposit triggers in the admin: dates before anything is made, and buttons that do what they say."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from contracts import clock
from contracts.models import AuditEvent
from payouts.models import DepositTrigger, Distribution, Schedule
from payouts.services.recurring import create_due_occurrences
from tests.factories import AssetFactory, DepositTriggerFactory, DistributionFactory, ScheduleFactory
from tests.payouts.test_admin import ADD, page_of, seen
from tests.people import logged_in, messages_of, operator, press, superuser, viewer
from tests.running import Status
from tests.world import World

pytestmark = pytest.mark.django_db
NEW_SERIES, NEW_TRIGGER = (reverse(f"admin:payouts_{name}_add") for name in ("schedule", "deposittrigger"))
PAID = {"amount_type": "FIXED", "amount": "10", "concept": "Rent"}
MONTHLY = PAID | {"frequency": "MONTHLY", "start": "2036-01-31 09:00", "zone": "Europe/Madrid"}


def page(row: Any) -> str:
    return reverse(f"admin:payouts_{row._meta.model_name}_change", args=[row.pk])


def button(row: Any, name: str) -> str:
    return reverse(f"admin:payouts_{row._meta.model_name}_{name}", args=[row.pk])


def buttons(client: Client, row: Any) -> set[str]:
    return {str(one["title"]) for one in client.get(page(row)).context["buttons"]}


def series(**columns: Any) -> Schedule:
    anchor = clock.now() + timedelta(hours=1)
    return ScheduleFactory.create(**{"frequency": "DAILY", "anchor_at": anchor, "next_at": anchor} | columns)


# --- a distribution with times --------------------------------------------------------------------


def test_the_dates_of_a_distribution_are_shown_before_it_is_made() -> None:
    client = logged_in(operator("payouts.add_distribution"))
    wanted = PAID | {"asset": AssetFactory().pk, "execute_at": "2036-07-01 09:00", "zone": "Europe/Madrid"}
    text = client.post(ADD, wanted | {"preview": "1"}).content.decode()
    assert "Paid: 2036-07-01 09:00:00 Europe/Madrid, which is 2036-07-01 07:00:00 UTC" in text
    assert "Snapshot of the holders: 2036-07-01 09:00:00 Europe/Madrid" in text
    recorded = wanted | {"record_at": "2036-06-30 23:59", "preview": "1"}
    assert (
        "Snapshot of the holders: 2036-06-30 23:59:00 Europe/Madrid"
        in client.post(ADD, recorded).content.decode()
    )
    by_hand = wanted | {"execute_at": "", "preview": "1"}
    assert "Paid: when a person starts it" in client.post(ADD, by_hand).content.decode()
    assert not Distribution.objects.exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"execute_at": "2020-01-01 09:00"}, "has passed; give one to come"),
        ({"execute_at": "2036-03-30 02:30", "zone": "Europe/Madrid"}, "does not exist in Europe/Madrid"),
        ({"execute_at": "2036-03-30 09:30", "zone": "Atlantis"}, "there is no time zone"),
        ({"record_at": "2020-01-01 09:00"}, "nobody can take a snapshot of the past"),
        ({"snapshot_id": "x"}, "Enter a whole number"),
        ({"missed_policy": "MAYBE"}, "Select a valid choice"),
    ],
)
@pytest.mark.parametrize("button", [{}, {"preview": "1"}])
def test_bad_times_are_errors_of_the_form(given: dict[str, str], said: str, button: dict[str, str]) -> None:
    client = logged_in(operator("payouts.add_distribution"))
    answer = client.post(ADD, PAID | {"asset": AssetFactory().pk} | given | button)
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert not Distribution.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_scheduled_distribution_says_when_it_starts_and_cannot_be_started_before(world: World) -> None:
    setting = world.asset(holders=1)
    client = logged_in(operator("payouts.add_distribution", "payouts.execute_distribution"))
    wanted = PAID | {
        "asset": setting.asset.pk,
        "execute_at": "2036-07-01 09:00",
        "record_at": "2036-06-30 23:59",
        "zone": "Europe/Madrid",
        "missed_policy": "ASK",
    }
    client.post(ADD, wanted)
    row = Distribution.objects.get()
    assert (row.execution, row.missed_policy, row.created_by) == ("SCHEDULED", "ASK", "olivia")
    text = seen(client, page_of(row))
    assert "nothing is paid before 2036-07-01 09:00:00 Europe/Madrid" in text
    assert "Starts by itself at 2036-06-30 23:59:00 Europe/Madrid. Nothing has been sent." in text
    assert "Paid from 2036-07-01 09:00:00 Europe/Madrid 2036-07-01 07:00:00 UTC" in text
    assert "When that is missed ask a person" in text
    assert "Start paying" not in {str(one["title"]) for one in client.get(page_of(row)).context["buttons"]}
    press(client, reverse("admin:payouts_distribution_execute", args=[row.pk]))
    assert any("starts by itself at" in said for said in messages_of(client, page_of(row)))
    row.refresh_from_db()
    assert row.status == Status.PENDING


# --- series ---------------------------------------------------------------------------------------


def test_the_next_twelve_dates_are_shown_before_a_series_is_made() -> None:
    client = logged_in(operator("payouts.add_schedule"))
    wanted = MONTHLY | {"asset": AssetFactory().pk}
    answer = client.post(NEW_SERIES, wanted | {"preview": "1"})
    dates = answer.context["dates"]
    assert len(dates) == 12
    assert dates[:3] == [f"2036-{day} 09:00:00 Europe/Madrid" for day in ("01-31", "02-29", "03-31")]
    assert all(date in answer.content.decode() for date in dates)
    assert client.post(NEW_SERIES, wanted | {"preview": "1", "count": "2"}).context["dates"] == dates[:2]
    assert not Schedule.objects.exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"start": ""}, "This field is required"),
        ({"start": "2020-01-31 09:00"}, "has passed; give one to come"),
        ({"count": "0"}, "0 is no count of occurrences"),
        ({"until": "2035-01-31 09:00"}, "before its first time"),
        ({"amount": "-1"}, "give one above 0"),
    ],
)
def test_a_series_that_cannot_be_is_an_error_of_the_form(given: dict[str, str], said: str) -> None:
    client = logged_in(operator("payouts.add_schedule"))
    answer = client.post(NEW_SERIES, MONTHLY | {"asset": AssetFactory().pk} | given)
    assert said in answer.content.decode()
    assert not Schedule.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_series_is_made_and_shown(world: World) -> None:
    client = logged_in(operator("payouts.add_schedule"))
    created = client.post(NEW_SERIES, MONTHLY | {"asset": world.spare_asset().asset.pk})
    row = Schedule.objects.get()
    assert created.headers["Location"] == page(row)
    assert (row.created_by, row.status, row.zone) == ("olivia", "ACTIVE", "Europe/Madrid")
    text = seen(client, page(row))
    assert "Active: each occurrence is made a day before its time and starts by itself." in text
    assert "1 2036-02-29 09:00:00 Europe/Madrid 2036-02-29 08:00:00 UTC not made yet" in text
    assert "None yet: each is made a day before its time." in seen(client, page(row), show="occurrences")
    assert "created: Rent olivia" in seen(client, page(row), show="audit")


@pytest.mark.django_db(transaction=True)
def test_a_series_is_paused_resumed_skipped_and_cancelled_by_who_may() -> None:
    row = series()
    create_due_occurrences()
    client = logged_in(operator("payouts.control_schedule"))
    assert buttons(client, row) == {"Pause", "Skip one", "Cancel the series"}
    assert "0 " in seen(client, page(row)) and "made" in seen(client, page(row))

    press(client, button(row, "pause"))
    row.refresh_from_db()
    assert row.status == "PAUSED"
    assert "Paused: nothing of it starts" in seen(client, page(row))
    assert "the auditors are in the house" in seen(client, page(row))
    assert buttons(client, row) == {"Resume", "Skip one", "Cancel the series"}
    press(client, button(row, "resume"))

    press(client, button(row, "skip"))
    press(client, button(row, "skip"), number="2")
    assert "Skipped: 0, 2." in seen(client, page(row))
    press(client, button(row, "skip"), number="2")
    assert any("occurrence 2 is skipped already" in said for said in messages_of(client, page(row)))
    assert "CANCELLED" in seen(client, page(row), show="occurrences")

    press(client, button(row, "cancel"))
    row.refresh_from_db()
    assert row.status == "CANCELLED"
    assert buttons(client, row) == set()
    assert "Nothing of it is still to come." in seen(client, page(row))
    assert AuditEvent.objects.filter(noun="schedule", by="olivia").count() == 5


def test_who_may_only_look_changes_no_series_and_no_trigger() -> None:
    client, row, trigger = logged_in(viewer()), series(), DepositTriggerFactory.create()
    for one, name in ((row, "pause"), (row, "cancel"), (row, "skip"), (trigger, "arm")):
        assert press(client, button(one, name)).status_code == 403
        assert buttons(client, one) == set()
    for address in (NEW_SERIES, NEW_TRIGGER):
        assert client.get(address).status_code == 403
        assert client.post(address, {}).status_code == 403
    assert client.post(page(row), {}).status_code == 405
    row.refresh_from_db()
    assert row.status == "ACTIVE"


def test_lists_and_pages_of_all_kinds_open() -> None:
    client, row, trigger = logged_in(superuser()), series(count=3), DepositTriggerFactory.create()
    run = DistributionFactory.create(
        schedule=row, occurrence=0, trigger=trigger, execute_at=clock.now(), execution="RECURRING"
    )
    for kind, words in (("schedule", "after 3 occurrences"), ("deposittrigger", "NOT ARMED")):
        assert words in seen(client, reverse(f"admin:payouts_{kind}_changelist"))
    for section in ("dates", "occurrences", "runs", "audit", "nonsense"):
        assert seen(client, page(row), show=section) and seen(client, page(trigger), show=section)
    text = seen(client, page_of(run))
    assert f"Occurrence of daily series {row.uid}" in text
    assert f"Started by deposit trigger {trigger.uid}" in text
    gone = reverse("admin:payouts_schedule_change", args=[999])
    assert client.get(gone).status_code == 302


# --- deposit triggers -----------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_trigger_is_made_disarmed_and_armed_again(world: World) -> None:
    client = logged_in(operator("payouts.add_deposittrigger", "payouts.arm_deposittrigger"))
    wanted = {
        "amount_type": "PERCENTAGE",
        "amount": "50",
        "concept": "Rent",
        "threshold": "1000",
        "mode": "ONCE",
    }
    created = client.post(NEW_TRIGGER, wanted | {"asset": world.spare_asset().asset.pk})
    row = DepositTrigger.objects.get()
    assert created.headers["Location"] == page(row)
    assert (row.threshold_units, row.percentage_bp, row.round) == (1_000_000_000, 5_000, 1)
    text = seen(client, page(row))
    assert "Armed: the first deposit that is large enough pays the holders" in text
    assert "50.00 % of the free balance" in text
    assert buttons(client, row) == {"Disarm"}
    press(client, button(row, "disarm"))
    assert "Not armed: no deposit starts anything" in seen(client, page(row))
    press(client, button(row, "disarm"))
    assert any("is not armed" in said for said in messages_of(client, page(row)))
    press(client, button(row, "arm"))
    row.refresh_from_db()
    assert (row.armed_at is not None, row.round) == (True, 2)


def test_a_trigger_that_cannot_be_is_an_error_of_the_form() -> None:
    client = logged_in(operator("payouts.add_deposittrigger"))
    answer = client.post(NEW_TRIGGER, PAID | {"asset": AssetFactory().pk, "threshold": "0", "mode": "EACH"})
    assert "the least deposit: the amount is 0; give one above 0" in answer.content.decode()
    assert not DepositTrigger.objects.exists()
