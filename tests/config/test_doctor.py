"""In a sound installation the doctor finds nothing; each planted misfortune is one line with its fix."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import redis
from django.db.migrations.recorder import MigrationRecorder
from django.db.models.functions import Now
from django_celery_beat.models import PeriodicTask
from pydantic import SecretStr

from config.health import OLDEST_HEARTBEAT
from config.models import Heartbeat
from contracts import clock
from contracts.models import AuditEvent, Hold, Installation
from contracts.services import identity
from contracts.services.holds import place_hold
from devnet.services.redis import Redis
from tests.config.doctored import Clinic
from tests.factories.contracts import TransactionFactory
from tests.payouts.commands import run

Recorded = MigrationRecorder.Migration


def test_in_a_sound_installation_every_line_is_ok(clinic: Clinic) -> None:
    report = clinic.look()
    assert [result for result in report.results if result["status"] != "ok"] == []
    assert report.code == 0
    assert len(report.results) > 25
    assert {result["group"] for result in report.results} == {
        *("Settings", "Database", "Redis", "Processes", "Network", "Wallets", "Custody", "Assets", "Stellar"),
        *("E-mail", "Work"),
    }


def test_a_person_reads_aligned_lines_with_a_heading_for_each_group(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    clinic.settings.DFNS_HEDERA_ACCOUNT_ID = "0.0.99"
    ended = run("doctor")
    lines = ended.out.splitlines()
    assert "Database" in lines
    (line,) = [line for line in lines if " promises " in line]
    assert line.startswith("  failed   promises                  DFNS_HEDERA_ACCOUNT_ID is 0.0.99")
    assert lines[lines.index(line) + 1].strip() == "fix: correct one"
    assert lines[-1].endswith(" ok, 1 failed")
    assert ended.code == 1


def test_it_changes_nothing(clinic: Clinic) -> None:
    clinic.world.net.dfns.forget_requests()
    events = AuditEvent.objects.count()
    clinic.look()
    assert AuditEvent.objects.count() == events
    assert {request["method"] for request in clinic.world.net.dfns.requests()} == {"GET"}


# --- Database ---------------------------------------------------------------------------------------------


def test_a_commit_that_may_be_forgotten(clinic: Clinic) -> None:
    clinic.commits("off")
    clinic.finds("commits", "synchronous_commit is off", "SET synchronous_commit = on")


@contextmanager
def migration(app: str, name: str, *, is_applied: bool) -> Iterator[None]:
    rows = Recorded.objects.filter(app=app, name=name)
    if is_applied:
        Recorded.objects.create(app=app, name=name)
    else:
        rows.delete()
    try:
        yield
    finally:
        rows.delete()
        if not is_applied:
            Recorded.objects.create(app=app, name=name)


def test_a_migration_that_is_not_applied_stops_only_what_needs_the_tables(clinic: Clinic) -> None:
    newest = Recorded.objects.filter(app="payouts").latest("name").name
    with migration("payouts", newest, is_applied=False):
        report = clinic.finds("migrations", f"payouts.{newest}", "manage.py prepare_database")
    assert report.named("beat")[0]["words"] == "needs migrations"
    assert report.status("mirror") == "ok"
    assert report.status("redis") == "ok"


def test_a_database_of_a_newer_release(clinic: Clinic) -> None:
    with migration("payouts", "0999_of_tomorrow", is_applied=True):
        clinic.finds("migrations", "payouts.0999_of_tomorrow", "start that release")


def claimed(**columns: object) -> None:
    """As if the first signature had been made here, except for these columns."""
    here = identity.server()
    Installation.objects.create(
        **{
            "instance_id": "test",
            "system_identifier": here.system_identifier,
            "database_oid": here.database_oid,
            "claimed_by": "tests",
            "reason": "first use",
            **columns,
        }
    )
    identity.forget()


def test_a_database_that_was_used_before(clinic: Clinic) -> None:
    claimed()
    report = clinic.look()
    assert report.wrong() == []
    assert report.named("identity")[0]["words"] == "this database belongs to test"


def test_an_instance_id_that_is_not_the_databases(clinic: Clinic) -> None:
    claimed(instance_id="acme")
    clinic.finds(
        "identity", "belongs to the Paydate 'acme', and PAYDATE_INSTANCE_ID is 'test'", "correct the setting"
    )


def test_a_database_that_was_copied_here(clinic: Clinic) -> None:
    claimed(system_identifier="7000000000000000001")
    clinic.finds("identity", "copied, restored or upgraded", "manage.py claim_wallets --reason")


# --- Redis ------------------------------------------------------------------------------------------------


@contextmanager
def configured(server: Redis, name: str, value: str) -> Iterator[None]:
    with redis.Redis.from_url(server.url) as client:
        before = client.config_get(name)[name]
        client.config_set(name, value)
        try:
            yield
        finally:
            client.config_set(name, before)


def test_a_redis_that_throws_messages_away(clinic: Clinic, durable_redis: Redis) -> None:
    with configured(durable_redis, "maxmemory-policy", "allkeys-lru"):
        clinic.finds("eviction", "allkeys-lru", "CONFIG SET maxmemory-policy noeviction")


def test_a_redis_that_forgets_at_a_restart(clinic: Clinic, durable_redis: Redis) -> None:
    with configured(durable_redis, "appendonly", "no"):
        clinic.finds("persistence", "forgets", "CONFIG SET appendonly yes", status="warning")


def test_a_redis_that_is_nearly_full(clinic: Clinic, durable_redis: Redis) -> None:
    with configured(durable_redis, "maxmemory", "1mb"):
        clinic.finds("memory", "of 1 MB", "maxmemory")


def test_a_redis_that_is_away(clinic: Clinic) -> None:
    clinic.settings.REDIS_URL = SecretStr("redis://:planted-password@127.0.0.1:1/0")
    report = clinic.finds("redis", "does not answer", "REDIS_URL")
    assert report.named("eviction")[0] == report.named("eviction")[0] | {
        "status": "skipped",
        "words": "needs redis",
    }


def test_a_redis_with_another_password(clinic: Clinic, durable_redis: Redis) -> None:
    host = durable_redis.url.rpartition("@")[2]
    clinic.settings.REDIS_URL = SecretStr(f"redis://:planted-password@{host}")
    report = clinic.finds("redis", "refuses the password", "REDIS_URL")
    assert "planted" not in report.text


# --- Processes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("process", ["worker", "signer", "beat"])
def test_a_process_that_fell_silent(clinic: Clinic, process: str) -> None:
    Heartbeat.objects.filter(process=process).update(seen_at=Now() - OLDEST_HEARTBEAT * 2)
    clinic.finds(process, "last seen", f"Procfile's `{process}`")


def test_a_process_that_never_ran(clinic: Clinic) -> None:
    Heartbeat.objects.filter(process="signer").delete()
    clinic.finds("signer", "never seen", "Procfile's `signer`")


def test_without_beat_nothing_is_said_about_those_it_asks_for_signs_of_life(clinic: Clinic) -> None:
    Heartbeat.objects.update(seen_at=Now() - OLDEST_HEARTBEAT * 2)
    report = clinic.finds("beat", "last seen", "Procfile's `beat`")
    assert report.status("worker") == report.status("signer") == "skipped"


def test_a_row_of_beat_that_was_deleted(clinic: Clinic) -> None:
    PeriodicTask.objects.filter(name="payouts: sweep").delete()
    clinic.finds("beat's rows", "payouts: sweep: the row is missing", "manage.py sync_beat")


def test_a_row_of_beat_that_was_switched_off(clinic: Clinic) -> None:
    PeriodicTask.objects.filter(name="contracts: sweep").update(enabled=False)
    clinic.finds("beat's rows", "contracts: sweep", "enable it", status="warning")


def test_a_setting_that_did_not_reach_beat(clinic: Clinic) -> None:
    clinic.settings.SWEEP_SECONDS += 1
    report = clinic.look()
    assert {result["name"] for result in report.wrong()} == {"beat's rows"}
    assert all(result["fix"] == "run manage.py sync_beat" for result in report.wrong())


# --- Work -------------------------------------------------------------------------------------------------


def test_a_hold_of_the_fence(clinic: Clinic) -> None:
    place_hold(
        scope=Hold.Scope.GLOBAL, cause=Hold.Cause.FENCE, reason="another system signs with this wallet"
    )
    clinic.finds("holds", "another system signs", "manage.py claim_wallets --reason")


def test_a_hold_of_the_clock(clinic: Clinic) -> None:
    place_hold(scope=Hold.Scope.GLOBAL, cause=Hold.Cause.CLOCK, reason="clock differs by about 70 s")
    clinic.finds("holds", "clock differs by about 70 s", "NTP")


def test_an_operators_stop_of_everything(clinic: Clinic) -> None:
    place_hold(scope=Hold.Scope.GLOBAL, cause=Hold.Cause.OPERATOR, reason="audit day", by="mary")
    clinic.finds("holds", "audit day", "lift it")


def test_a_hold_on_one_asset_is_its_own_business(clinic: Clinic) -> None:
    uid = clinic.setting.asset.uid
    place_hold(scope=Hold.Scope.ASSET, object_uid=uid, cause=Hold.Cause.OPERATOR, reason="dispute", by="mary")
    assert clinic.look().wrong() == []


def test_a_transaction_that_comes_to_no_end(clinic: Clinic) -> None:
    TransactionFactory(
        wallet=clinic.setting.asset.payout_contract.wallet,
        planned_at=clock.now() - timedelta(minutes=20),
        waiting_reason="custody does not answer",
    )
    clinic.finds(
        "transactions", "20 min: custody does not answer (1 open)", "under Transactions", status="warning"
    )


def test_an_audit_trail_that_nobody_seals(clinic: Clinic) -> None:
    clinic.world.advance(300)
    clinic.finds("audit trail", "the oldest for 5 min", "seal audit events", status="warning")
