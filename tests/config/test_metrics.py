"""GET /metrics: figures from the database at this moment, for whoever may have them."""

import math
import re
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from pydantic import SecretStr
from pytest_django import DjangoAssertNumQueries, Settings

from chainsync.models import ChainEvent, EventListener
from config.boot import BASE_DIR
from config.metrics import collector, families
from config.models import Heartbeat
from contracts import clock
from contracts.models import AuditEvent, ContractTransaction, CustodyBudget
from reserves.models import Reservation
from tests.config.scraping import ago, failed, figures, investment
from tests.factories import (
    BatchFactory,
    ContractFactory,
    DistributionFactory,
    HoldFactory,
    PaymentFactory,
    TransactionFactory,
    WalletFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("scraped")]
NETWORK = "hedera-local"
TOKEN = "a-token-with-some-thirty-characters"


# --- what it says ---------------------------------------------------------------------------------
def test_batches_are_counted_open_and_of_the_last_day(client: Client) -> None:
    settled = {"successful": 3, "settled_at": ago(60)}
    BatchFactory.create_batch(2)
    BatchFactory.create_batch(3, status="COMPLETED", **settled)
    BatchFactory(status="FAILED", failed=3, settled_at=ago(120))
    BatchFactory(status="SPLIT")
    BatchFactory(status="FAILED", failed=3, settled_at=ago(25 * 3600))
    found = figures(client)
    counts = {labels[0]: count for (name, labels), count in found.items() if name == "paydate_batches"}
    assert counts == {
        "PENDING": 2,
        "PROCESSING": 0,
        "COMPLETED": 3,
        "PARTIALLY_COMPLETED": 0,
        "FAILED": 1,
    }
    assert found["paydate_batch_success_ratio", ()] == 0.75
    assert found["paydate_last_settled_age_seconds", ()] == pytest.approx(60, abs=5)


def test_a_ratio_of_nothing_is_unknown(client: Client) -> None:
    BatchFactory()
    found = figures(client)
    assert ("paydate_batch_success_ratio", ()) not in found
    assert ("paydate_last_settled_age_seconds", ()) not in found


def test_failed_batches_are_those_whose_lines_still_wait_for_a_retry(client: Client) -> None:
    distribution = DistributionFactory(planned=True, status="PARTIALLY_COMPLETED", failed_count=3)
    first, second, retried = BatchFactory.create_batch(
        3, distribution=distribution, status="FAILED", settled_at=ago(30 * 3600)
    )
    PaymentFactory.create_batch(2, distribution=distribution, batch=first, failed=True)
    PaymentFactory(distribution=distribution, batch=second, failed=True)
    PaymentFactory(distribution=distribution, batch=retried, paid=True)
    found = figures(client)
    assert found["paydate_failed_batches", ()] == 2
    assert found["paydate_payments_failed", ()] == 3


def test_a_failed_distribution_is_shown_until_it_is_repaired(client: Client) -> None:
    DistributionFactory(planned=True, status="FAILED", ended_at=ago(9 * 24 * 3600))
    DistributionFactory(planned=True, status="COMPLETED", ended_at=ago(9 * 24 * 3600))
    DistributionFactory(planned=True, status="COMPLETED", ended_at=ago(9))
    DistributionFactory(held=True)
    found = figures(client)
    assert found["paydate_distributions", ("FAILED",)] == 1
    assert found["paydate_distributions", ("COMPLETED",)] == 1
    assert found["paydate_distributions", ("HELD",)] == 1
    assert found["paydate_distributions", ("DRAFT",)] == 0


def test_execution_times_fill_cumulative_buckets(client: Client) -> None:
    end = clock.now()
    for took in (8, 30, 200):
        start = end - timedelta(seconds=took)
        DistributionFactory(planned=True, status="COMPLETED", started_at=start, ended_at=end)
    found = figures(client)
    bucket = "paydate_distribution_execution_seconds_bucket"
    counts = {labels[0]: value for (name, labels), value in found.items() if name == bucket}
    assert [counts[bound] for bound in ("10.0", "30.0", "60.0", "300.0", "+Inf")] == [1, 2, 2, 3, 3]
    assert found["paydate_distribution_execution_seconds_gcount", ()] == 3
    assert found["paydate_distribution_execution_seconds_gsum", ()] == pytest.approx(238, abs=0.01)


def test_a_running_distribution_shows_its_age(client: Client) -> None:
    running = DistributionFactory(planned=True, started_at=ago(500))
    ages = {labels: value for (name, labels), value in figures(client).items() if "distribution_age" in name}
    assert ages == {(running.asset.symbol, running.uid, "PROCESSING"): pytest.approx(500, abs=5)}


def test_transactions_are_counted_by_status_and_purpose(client: Client) -> None:
    recent = iter(range(clock.now_ns() - 60 * clock.NANOSECONDS, clock.now_ns()))
    TransactionFactory.create_batch(2)
    TransactionFactory(submitted=True, purpose="snapshot", valid_start_ns=1)
    for _ in range(3):
        TransactionFactory(succeeded=True, valid_start_ns=next(recent))
    TransactionFactory(failed=True, valid_start_ns=clock.now_ns() - 3601 * clock.NANOSECONDS)
    found = figures(client)
    assert found["paydate_transactions", ("batch", "PLANNED")] == 2
    assert found["paydate_transactions", ("snapshot", "SUBMITTED")] == 1
    assert found["paydate_transactions", ("batch", "SUCCEEDED")] == 3
    assert found["paydate_transactions", ("batch", "FAILED")] == 0


def test_custody_latency_of_the_last_hour(client: Client) -> None:
    now_ns, now = clock.now_ns(), clock.now()
    for number, took in enumerate((0.2, 0.4, 20.0)):
        start = now - timedelta(seconds=took)
        TransactionFactory(signed=True, valid_start_ns=now_ns - number, identified_at=start, signed_at=now)
    TransactionFactory(identified_at=now, valid_start_ns=now_ns - 9, valid_seconds=120)
    TransactionFactory(signed=True)
    found = figures(client)
    bucket = "paydate_custody_seconds_bucket"
    counts = {labels[0]: value for (name, labels), value in found.items() if name == bucket}
    assert [counts[bound] for bound in ("0.1", "0.25", "0.5", "30.0", "+Inf")] == [0, 1, 2, 3, 3]


def test_the_custody_budget_is_shown_as_it_would_be_now(client: Client, settings: Settings) -> None:
    settings.CUSTODY_REQUESTS_PER_MINUTE = 600
    CustodyBudget.objects.create(custodian="DFNS", tokens=1, refilled_at=ago(2))
    CustodyBudget.objects.create(custodian="LOCAL", tokens=0, paused_until=ago(-30))
    found = figures(client)
    assert found["paydate_custody_budget_per_minute", ()] == 600
    assert found["paydate_custody_budget_tokens", ("DFNS",)] == 10  # a second's worth is saved up, no more
    assert found["paydate_custody_paused", ("DFNS",)] == 0
    assert found["paydate_custody_paused", ("LOCAL",)] == 1
    assert CustodyBudget.objects.get(custodian="DFNS").tokens == 1


def test_without_a_limit_there_are_no_tokens(client: Client, settings: Settings) -> None:
    settings.CUSTODY_REQUESTS_PER_MINUTE = 0
    CustodyBudget.objects.create(custodian="DFNS")
    assert ("paydate_custody_budget_tokens", ("DFNS",)) not in figures(client)


def test_what_waits_longest(client: Client) -> None:
    batch = BatchFactory(status="PROCESSING")
    first = TransactionFactory(failed=True, subject=batch.subject, attempt=1, planned_at=ago(900))
    TransactionFactory(subject=batch.subject, attempt=2, planned_at=ago(30), custody_waiting_since=ago(20))
    HoldFactory(placed_at=ago(4000))
    DistributionFactory(execution="SCHEDULED", execute_at=ago(700))
    found = figures(client)
    assert first.status == ContractTransaction.Status.FAILED
    waits = {noun: found["paydate_oldest_waiting_seconds", (noun,)] for noun in ("transaction", "batch")}
    assert waits == {"transaction": pytest.approx(30, abs=5), "batch": pytest.approx(900, abs=5)}
    assert found["paydate_oldest_waiting_seconds", ("approval",)] == pytest.approx(20, abs=5)
    assert found["paydate_oldest_waiting_seconds", ("hold",)] == pytest.approx(4000, abs=5)
    assert found["paydate_oldest_waiting_seconds", ("distribution",)] == pytest.approx(700, abs=5)
    assert found["paydate_custody_approvals_waiting", ()] == 1


def test_a_row_that_nobody_takes_is_overdue(client: Client) -> None:
    TransactionFactory(next_attempt_at=ago(50))
    TransactionFactory(next_attempt_at=ago(90), lease_until=ago(-5), lease_owner="somebody")
    BatchFactory(status="PROCESSING", next_attempt_at=ago(40))
    DistributionFactory(status="PLANNING", next_attempt_at=ago(-60))
    found = figures(client)
    assert found["paydate_overdue_seconds", ("transaction",)] == pytest.approx(50, abs=5)
    assert found["paydate_overdue_seconds", ("batch",)] == pytest.approx(40, abs=5)
    assert found["paydate_overdue_seconds", ("distribution",)] == 0


def test_what_stands_still_is_counted(client: Client) -> None:
    HoldFactory()
    HoldFactory(scope="CONTRACT", object_uid="c", cause="BLOCKED")
    HoldFactory(scope="ASSET", object_uid="a", cause="OPERATOR", lifted_at=clock.now())
    WalletFactory(stopped_reason="another system signs with this wallet")
    contract = ContractFactory(status="BLOCKED")
    Reservation.objects.create(contract=contract, distribution_uid="d", units=1)
    AuditEvent.write(contract, what="status", by="alice")
    found = figures(client)
    holds = {labels: value for (name, labels), value in found.items() if name == "paydate_holds"}
    assert holds == {("OPERATOR", "GLOBAL"): 1, ("BLOCKED", "CONTRACT"): 1}
    assert found["paydate_wallets_stopped", ()] == 1
    assert found["paydate_contracts", ("LIFECYCLE_CASH_FLOW", "BLOCKED")] == 1
    assert found["paydate_contracts", ("INVESTMENT", "BLOCKED")] == 0
    assert found["paydate_reservations_open", ()] == 1
    assert found["paydate_audit_unsealed", ()] == 1


def test_how_the_events_of_contracts_are_followed(client: Client) -> None:
    EventListener.objects.create(network=NETWORK, address="0.0.7", read_at=ago(40), lag_seconds=7)
    EventListener.objects.create(network=NETWORK, address="0.0.8", last_error="the mirror node is away")
    EventListener.objects.create(network=NETWORK, address="0.0.9", enabled=False, lag_seconds=900)
    place = {"network": NETWORK, "address": "0.0.7", "consensus_at": "1.000000001", "seen_at": clock.now()}
    for number, columns in enumerate(
        (
            {"key": ""},
            {"key": "snapshot:1", "processed_at": clock.now()},
            {"key": "snapshot:1", "is_proved": True},
            {"key": "snapshot:1", "quarantine_reason": "a list of logs shows it"},
            {"key": "snapshot:1", "is_proved": True, "quarantine_reason": "ValueError: poisoned"},
            {"key": "", "quarantine_reason": "malformed: too short"},
        )
    ):
        ChainEvent.objects.create(**place, **columns, log_index=number)
    found = figures(client)
    assert found["paydate_sync_lag_seconds", ("0.0.7",)] == 7
    assert found["paydate_sync_age_seconds", ("0.0.7",)] == pytest.approx(40, abs=5)
    assert ("paydate_sync_lag_seconds", ("0.0.8",)) not in found
    assert found["paydate_sync_failing", ("0.0.8",)] == 1
    assert ("paydate_sync_failing", ("0.0.9",)) not in found
    assert found["paydate_events_unprocessed", ()] == 3
    assert found["paydate_events_quarantined", ()] == 2
    assert found["paydate_events_not_proved", ()] == 1


def test_events_per_second_are_those_of_the_last_minute(client: Client) -> None:
    place = {"network": NETWORK, "address": "0.0.7", "consensus_at": "1.000000001"}
    for number, age in enumerate((0, 20, 50, 70, 7000)):
        ChainEvent.objects.create(**place, log_index=number, seen_at=ago(age))
    assert figures(client)["paydate_events_per_second", ()] == pytest.approx(3 / 60)


def test_a_look_is_overdue_after_two_intervals(client: Client, settings: Settings) -> None:
    settings.BLOCKCHAIN_POLLING_INTERVAL, settings.BLOCKCHAIN_POLLING_INTERVAL_ACTIVE = 60_000, 2_000
    for status, age in (("ACTIVE", 100), ("ACTIVE", 130), ("BLOCKED", 10), ("FINISHED", 900)):
        contract = ContractFactory(status=status)
        EventListener.objects.create(network=NETWORK, address=contract.address, read_at=ago(age))
    found = figures(client)
    assert found["paydate_last_look_age_seconds", ("CONTRACT",)] == pytest.approx(130, abs=5)
    assert found["paydate_listeners_overdue", ("CONTRACT",)] == 2
    assert found["paydate_listeners_overdue", ("ASSET",)] == 0


def test_a_process_that_was_never_seen_is_infinitely_old(client: Client) -> None:
    Heartbeat.objects.create(process="worker", seen_at=Now() - timedelta(seconds=90))
    found = figures(client)
    assert found["paydate_heartbeat_age_seconds", ("worker",)] == pytest.approx(90, abs=10)
    assert math.isinf(found["paydate_heartbeat_age_seconds", ("signer",)])


def test_it_names_its_version(client: Client) -> None:
    project = (BASE_DIR / "pyproject.toml").read_text()
    version = re.search(r'^version = "(.+)"$', project, re.MULTILINE)
    assert version
    assert figures(client)["paydate_build_info", (version[1],)] == 1


def test_the_open_metrics_format_is_answered_when_asked_for(client: Client) -> None:
    answer = client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert answer["Content-Type"].startswith("application/openmetrics-text")
    names = {family.name for family in open_metrics(answer.content.decode())}
    assert {"paydate_build", "paydate_batches", "paydate_custody_seconds"} <= names


def test_every_metric_of_the_table_is_answered_and_no_other(client: Client) -> None:
    distribution = DistributionFactory(planned=True, started_at=ago(5))
    BatchFactory(distribution=distribution, status="COMPLETED", successful=3, settled_at=ago(1))
    CustodyBudget.objects.create(custodian="DFNS")
    EventListener.objects.create(network=NETWORK, address="0.0.7", read_at=ago(40), lag_seconds=7)
    contract = investment(checked_at=ago(9))
    EventListener.objects.create(
        network=contract.network, address=contract.address, read_at=ago(4), lag_seconds=5
    )
    HoldFactory()
    histograms = re.compile(r"_(bucket|gsum|gcount)$")
    answered = {histograms.sub("", name) for name, _ in figures(client)}
    assert answered == families.BY_NAME.keys()


def test_the_page_shows_the_table() -> None:
    page = (BASE_DIR / "docs/metrics.md").read_text()
    assert families.table() in page, f"docs/metrics.md differs; its table is now:\n{families.table()}"


def test_alert_rules_ask_for_metrics_and_labels_that_exist() -> None:
    page = (BASE_DIR / "docs/metrics.md").read_text()
    asked = re.findall(r"\b(paydate_\w+?)(?:_bucket|_gsum|_gcount)?\b(?:\{([^}]*)\})?", page)
    assert {name for name, _ in asked} <= families.BY_NAME.keys()
    for name, labels in asked:
        used = set(re.findall(r"(\w+)[=!]~?", labels))
        assert used <= set(families.BY_NAME[name].labels), name


def test_alerts_open_pages_that_exist() -> None:
    asked = re.findall(r"troubleshooting\.md#([\w-]+)", (BASE_DIR / "docs/metrics.md").read_text())
    headings = re.findall(r"^#+ (.+)$", (BASE_DIR / "docs/troubleshooting.md").read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert asked
    assert set(asked) <= anchors


# --- cost and loss --------------------------------------------------------------------------------
def test_right_after_a_restart_the_figures_are_the_same(client: Client) -> None:
    BatchFactory.create_batch(3, status="COMPLETED", successful=3, settled_at=ago(60))
    TransactionFactory.create_batch(2)
    before, after = figures(client), figures(client)
    assert before.keys() == after.keys()
    moving = re.compile("seconds")
    still = {key for key in before if not moving.search(key[0])}
    assert {key: before[key] for key in still} == {key: after[key] for key in still}


def test_the_number_of_queries_does_not_grow(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    BatchFactory()
    with connection.execute_wrapper(counting := Counting()):
        collector.read_all()
    for _ in range(5):
        batch = BatchFactory(status="PROCESSING")
        TransactionFactory(signed=True, subject=batch.subject)
        PaymentFactory(distribution=batch.distribution, batch=batch, failed=True)
        HoldFactory(scope="DISTRIBUTION", object_uid=batch.distribution.uid)
        failed(investment())
    with django_assert_num_queries(counting.statements):
        collector.read_all()


class Counting:
    def __init__(self) -> None:
        self.statements = 0

    def __call__(self, execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        self.statements += 1
        return execute(sql, params, many, context)


def test_many_scrapers_cost_one_look(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    first = client.get("/metrics").content
    with django_assert_num_queries(0):
        assert client.get("/metrics").content == first


@pytest.mark.django_db(transaction=True)
def test_scrapers_at_the_same_moment_share_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    monkeypatch.setattr(collector, "read_all", lambda: looks.append(1) or [])
    shared = collector.PaydateCollector()
    threads = [threading.Thread(target=shared.collect) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(looks) == 1


# --- when something is broken ---------------------------------------------------------------------
def test_a_part_that_fails_is_named_and_the_others_stand(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    BatchFactory()

    def broken(now: object) -> Iterator[object]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        yield from ()

    monkeypatch.setitem(collector.PARTS, "distributions", broken)
    found = figures(client)
    assert found["paydate_scrape_error", ("distributions",)] == 1
    assert found["paydate_scrape_error", ("batches",)] == 0
    assert found["paydate_batches", ("PENDING",)] == 1
    assert ("paydate_distributions", ("PENDING",)) not in found


def test_a_database_that_is_away_is_an_answer_with_an_error_for_every_part(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    def away(*args: object, **kwargs: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(collector.transaction, "atomic", away)
    found = figures(client)
    errors = [value for (name, _), value in found.items() if name == "paydate_scrape_error"]
    assert errors == [1] * len(collector.PARTS)
    assert ("paydate_batches", ("PENDING",)) not in found


def test_a_statement_that_takes_too_long_is_ended(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(now: object) -> Iterator[object]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(20)")
        yield from ()

    monkeypatch.setattr(collector, "STATEMENT_TIMEOUT_MS", 50)
    monkeypatch.setitem(collector.PARTS, "batches", slow)
    assert figures(client)["paydate_scrape_error", ("batches",)] == 1


# --- who may read it ------------------------------------------------------------------------------
def test_without_a_token_this_machine_alone_is_answered(client: Client) -> None:
    assert client.get("/metrics", REMOTE_ADDR="127.0.0.1").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="::1").status_code == 200
    answer = client.get("/metrics", REMOTE_ADDR="10.0.0.7")
    assert answer.status_code == 403
    assert answer.content.decode().startswith("Set METRICS_TOKEN and send it as a bearer token")
    assert client.get("/metrics", REMOTE_ADDR="").status_code == 403


def test_a_client_behind_a_proxy_is_not_this_machine(client: Client, settings: Settings) -> None:
    for header in ("x-forwarded-for", "forwarded", "x-real-ip", "via"):
        answer = client.get("/metrics", REMOTE_ADDR="127.0.0.1", headers={header: "127.0.0.1"})
        assert answer.status_code == 403, header
    assert (
        client.get("/metrics", REMOTE_ADDR="10.0.0.7", headers={"x-forwarded-for": "::1"}).status_code == 403
    )
    settings.TRUSTED_PROXY_COUNT = 1
    assert client.get("/metrics", REMOTE_ADDR="127.0.0.1").status_code == 403


def test_with_a_token_everybody_has_to_send_it(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = SecretStr(TOKEN)
    right = {"authorization": f"Bearer {TOKEN}"}
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.7", headers=right).status_code == 200
    for wrong in ("", TOKEN, f"Basic {TOKEN}", "Bearer", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}é"):
        answer = client.get("/metrics", REMOTE_ADDR="127.0.0.1", headers={"authorization": wrong})
        assert answer.status_code == 403, wrong
        assert TOKEN.encode() not in answer.content


def test_only_reading_is_allowed(client: Client) -> None:
    assert client.post("/metrics").status_code == 405
    assert client.head("/metrics").status_code == 200
    assert client.head("/metrics").content == b""


def test_no_session_is_made(client: Client) -> None:
    answer = client.get("/metrics")
    assert not answer.cookies
    assert "no-store" in answer["Cache-Control"]
