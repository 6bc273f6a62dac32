"""People are reminded of payments that only a person will make, once, and told when they expire; nothing moves."""

from datetime import timedelta

import pytest
from django.core import mail
from pytest_django.fixtures import Settings

from contracts import clock
from contracts.models import Notice
from contracts.services.notices import send_notices
from payouts.models import Distribution, Payment
from payouts.services.unclaimed import remind_unclaimed
from reserves.models import Reservation
from tests.factories import ReissueFactory
from tests.payouts.test_retrying import run_of

pytestmark = pytest.mark.django_db


def given_up(lines: int = 2, *, days: int = 31) -> Distribution:
    """Ended so many days ago, with no automatic retry left."""
    row = run_of(lines, concept="Dividend 7", ended_at=clock.now() - timedelta(days=days))
    row.payments.update(retries=3, expected_units=5_000_000)
    return row


def open_causes() -> list[str]:
    return sorted(Notice.objects.open().values_list("cause", flat=True))


def test_after_thirty_days_there_is_one_reminder_with_count_and_sum() -> None:
    row = given_up()

    for _ in range(3):
        remind_unclaimed()

    notice = Notice.objects.get()
    assert (notice.cause, notice.object_uid) == ("UNCLAIMED", row.uid)
    assert notice.title.startswith("Dividend 7: 2 payments, 10.00 USDC unclaimed since 20")
    assert "accept them as unpaid" in notice.text and "Nothing is done by itself." in notice.text
    send_notices()
    assert len(mail.outbox) == 1
    assert set(row.payments.values_list("status", flat=True)) == {"FAILED"}


def test_younger_ones_and_those_that_are_tried_again_are_not_unclaimed() -> None:
    given_up(days=29)
    waiting = given_up()
    waiting.payments.update(retries=0)
    Distribution.objects.filter(pk=waiting.pk).update(next_retry_at=clock.now())

    remind_unclaimed()

    assert open_causes() == []


def test_their_expiry_is_told_apart_and_moves_no_money(settings: Settings) -> None:
    settings.UNCLAIMED_EXPIRE_DAYS = 60
    row = given_up(days=61)

    remind_unclaimed()

    assert open_causes() == ["UNCLAIMED", "UNCLAIMED_EXPIRED"]
    expired = Notice.objects.get(cause="UNCLAIMED_EXPIRED")
    assert "they have expired. No money is moved by that" in expired.text
    row.refresh_from_db()
    assert row.status == "PARTIALLY_COMPLETED"
    assert set(row.payments.values_list("status", flat=True)) == {"FAILED"}
    assert Reservation.objects.get(distribution_uid=row.uid).drawn_units == 0


def test_zero_days_mean_never(settings: Settings) -> None:
    settings.UNCLAIMED_REMIND_DAYS = 0
    given_up(days=3_000)

    remind_unclaimed()

    assert open_causes() == []


def test_the_notice_ends_when_every_line_is_settled_or_being_reissued() -> None:
    row = given_up()
    remind_unclaimed()
    first, second = row.payments.order_by("ordinal")
    Payment.objects.filter(pk=first.pk).update(status="WAIVED")
    remind_unclaimed()
    assert Notice.objects.open().get().title.startswith("Dividend 7: 1 payment, 5.00 USDC")
    ReissueFactory.create(payment=second)

    remind_unclaimed()

    assert open_causes() == []
    assert Notice.objects.get().resolution.startswith("every payment of it that had failed is paid")
