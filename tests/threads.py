"""Several threads at once, each with a database connection of its own."""

import threading
import time
from collections.abc import Callable

from django.db import connection

from tests.patience import PATIENCE


def together(*jobs: Callable[[], object], seconds: float = PATIENCE) -> list[BaseException]:
    """Lets all jobs begin at the same moment and waits for their ends; gives what went wrong in them."""
    start = threading.Barrier(len(jobs))
    trouble: list[BaseException] = []

    def run(job: Callable[[], object]) -> None:
        try:
            start.wait(seconds)
            job()
        except BaseException as error:
            trouble.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
    assert not any(thread.is_alive() for thread in threads), "a thread waits for ever"
    return trouble


def _is_waiting() -> bool:
    """Whether somebody waits for a lock in this database."""
    with connection.cursor() as cursor:
        # Within a transaction the first look at who waits is remembered for all later ones.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return bool(cursor.fetchone()[0])


def until_somebody_waits() -> None:
    """Until another one has taken its first locks and stands before ours."""
    deadline = time.monotonic() + PATIENCE
    while not _is_waiting():
        assert time.monotonic() < deadline, "nobody waits"
        time.sleep(0.02)
