"""Cancelling, stopping, resuming, accepting as unpaid and asking for a re-issue, from a terminal."""

import pytest

from contracts.models import AuditEvent, Hold
from payouts.models import Approval, Reissue
from tests.factories import DistributionFactory
from tests.payouts.commands import run
from tests.payouts.reissued import broken, new_wallet
from tests.payouts.test_retrying import shown, unpaid
from tests.running import Status
from tests.world import Pump, World

WHY = ("--reason", "the board has decided otherwise")


@pytest.mark.django_db
def test_cancel_says_what_it_did_and_who_did_it_is_kept() -> None:
    row = DistributionFactory.create()

    ended = run("cancel_distribution", row.uid[:8], *WHY)

    assert (ended.code, ended.out) == (0, f"{row.uid} is cancelled: nobody is paid by it\n")
    row.refresh_from_db()
    assert row.status == Status.CANCELLED
    assert AuditEvent.objects.get(target="CANCELLED").by.endswith("(command)")
    again = run("cancel_distribution", row.uid, *WHY)
    assert (again.code, again.err.strip()) == (
        2,
        "it is CANCELLED: only what has not begun to pay can be cancelled",
    )


@pytest.mark.django_db
def test_stop_and_resume() -> None:
    row = DistributionFactory.create(planned=True)

    stopped = run("stop_distribution", row.uid, *WHY)

    assert stopped.code == 0 and stopped.out.startswith("Stopped: nothing new is sent.")
    assert Hold.objects.open().get().object_uid == row.uid
    resumed = run("resume_distribution", row.uid, *WHY)
    assert (resumed.code, resumed.out) == (0, "It goes on.\n")
    again = run("resume_distribution", row.uid, *WHY)
    assert (again.code, again.err.strip()) == (2, "nobody has stopped it, so there is nothing to resume")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "command", ["cancel_distribution", "stop_distribution", "resume_distribution", "waive_payments"]
)
def test_an_unknown_distribution_is_bad_input(command: str) -> None:
    ended = run(command, "nowhere", *WHY)

    assert ended.code == 2 and "'nowhere' is no distribution" in ended.err


def test_named_holders_are_accepted_as_unpaid(world: World, pump: Pump, quick_retries: None) -> None:
    setting = world.asset(holders=3)
    distribution = unpaid(setting, pump, *setting.holders[:2])
    first, second = distribution.payments.filter(status="FAILED").order_by("ordinal")
    units = shown(int(first.expected_units))
    dry = run(
        "waive_payments",
        distribution.uid,
        "--holder",
        first.holder.upper().replace("X", "x"),
        "--dry-run",
        *WHY,
    )
    assert dry.out == f"1 holder, {units} would be accepted as unpaid; nothing was done\n"

    ended = run("waive_payments", distribution.uid, "--holder", first.holder, *WHY)

    assert (ended.code, ended.out) == (0, f"1 holder, {units} accepted as unpaid\n")
    assert list(distribution.payments.filter(status="FAILED")) == [second]
    refused = run("waive_payments", distribution.uid, "--holder", first.holder, *WHY)
    assert (refused.code, "is WAIVED: nothing is to be sent" in refused.err) == (2, True)
    world.advance(10)
    world.fault("mirror.down")
    down = run("waive_payments", distribution.uid, *WHY)
    assert down.code == 2 and "the chain could not be asked" in down.err


def test_a_reissue_is_asked_for_and_waits_for_a_person_who_logs_in(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    distribution, payment = broken(setting, pump)
    wallet = new_wallet(setting)
    words = ("request_reissue", distribution.uid, "--wallet", wallet, "--reason", "a letter", "--holder")
    wrong = run(*words, "0x" + "99" * 20)
    assert (wrong.code, "is no holder of this distribution" in wrong.err) == (2, True)

    ended = run(*words, payment.holder)

    assert ended.code == 0 and wallet in ended.out
    assert ended.out.endswith(
        "It waits for a second person, who has to log in: the admin lists it under Approvals\n"
    )
    reissue = Reissue.objects.get()
    assert (reissue.status, reissue.wallet) == ("REQUESTED", wallet)
    assert Approval.objects.open().get().requested_by == reissue.requested_by
    again = run(*words, payment.holder)
    assert (again.code, "is being re-issued to" in again.err) == (2, True)
