"""Celery carries ids that wake somebody up; PostgreSQL alone is the truth. See docs/celery.md."""

import threading
import time
from typing import Any

from celery import Celery
from celery.signals import setup_logging, task_prerun
from django.conf import settings
from django.db import close_old_connections
from django_structlog.celery.steps import DjangoStructLogInitStep

from config.boot import prepare

prepare()

QUEUES = ("default", "sync", "checks", "signing")
# Longer than any task and any countdown, otherwise Redis hands a running task to a second worker.
VISIBILITY_SECONDS = 300
LOOK_EVERY_SECONDS = 1.0
_looked = threading.local()
CONCURRENCY = {"signer": settings.SIGNER_CONCURRENCY, "worker": settings.WORKER_CONCURRENCY}

app = Celery("paydate", broker=settings.REDIS_URL.get_secret_value())
# Also for the threads that did not create it: web threads ring, too.
app.set_default()
app.conf.update(
    timezone="UTC",
    task_default_queue="default",
    task_create_missing_queues=True,
    task_routes={
        "contracts.sign_*": {"queue": "signing"},
        "chainsync.*": {"queue": "sync"},
        "reserves.*": {"queue": "checks"},
    },
    # A task is acknowledged when it is done, so one whose worker died comes back.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    result_expires=None,
    # Threads: see docs/celery.md for the measurement. Each outside call has a deadline; leases replace time limits.
    worker_pool="threads",
    worker_concurrency=CONCURRENCY.get(settings.PAYDATE_PROCESS, 1),
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "visibility_timeout": VISIBILITY_SECONDS,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        "socket_timeout": 30,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "health_check_interval": 25,
    },
    # A ring to a dead Redis fails at once: the row is committed already and the sweep finds it.
    task_publish_retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0},
    beat_scheduler="config.beat:Scheduler",
    # A crontab tick missed for longer than this is left to the next one.
    beat_cron_starting_deadline=600,
)
# Celery closes the database connection after each task unless told otherwise; a new one costs PostgreSQL more
# than most tasks. Django's own rule takes its place below.
app.conf["CELERY_DB_REUSE_MAX"] = 1_000_000
app.steps["worker"].add(DjangoStructLogInitStep)
app.autodiscover_tasks()


@task_prerun.connect
def drop_broken_connections(**_: Any) -> None:
    """Those that are too old or were lost are opened anew, as at the beginning of each web request.

    At most once a second in each thread: the look costs a statement, and a ring that meets a connection that was
    lost in that second costs one sweep.
    """
    now = time.monotonic()
    if now - getattr(_looked, "at", 0.0) >= LOOK_EVERY_SECONDS:
        _looked.at = now
        close_old_connections()


@setup_logging.connect
def keep_our_logging(**_: Any) -> None:
    """Celery configures logging of its own unless somebody listens here; Django has done it already."""
