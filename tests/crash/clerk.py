"""The operator of one stack: makes distributions, starts them, says how they stand.

Stays at the desk: a JSON list of words on each line of standard input, an answer on a line of standard output.
"""

import json
import sys
from typing import Any

# First, because it sets Django up.
from tests.crash.desk import Desk

# isort: split
from django.db import connection

from payouts.models import Distribution
from payouts.services.showing import transactions_of
from payouts.services.starting import AlreadyStarted, execute_distribution
from tests.crash.shares import POOL_UNITS

ANSWER = "answer: "


def make(count: int, holders: int) -> list[dict[str, Any]]:
    """With money for two, because a run that a restored database has forgotten is reserved for in full again."""
    desk = Desk()
    runs = [desk.new_run("systems", holders=holders, fund=2 * POOL_UNITS) for _ in range(count)]
    return [{"uid": run.distribution.uid, "made": run.made} for run in runs]


def start(*uids: str) -> list[str]:
    """Those that were started here and not by somebody else before."""
    return [uid for uid in uids if _is_started_here(uid)]


def _is_started_here(uid: str) -> bool:
    try:
        execute_distribution(Distribution.objects.get(uid=uid), by="crash tests")
    except AlreadyStarted:
        return False
    return True


def stand(*uids: str) -> dict[str, dict[str, Any]]:
    """Status and words of each distribution, and its calls."""
    return {row.uid: _standing(row) for row in Distribution.objects.filter(uid__in=uids)}


def _standing(row: Distribution) -> dict[str, Any]:
    calls = [f"{call}:{call.status} {call.waiting_reason}" for call in transactions_of(row)]
    return {"status": row.status, "reason": row.status_reason, "calls": calls}


if __name__ == "__main__":
    for line in sys.stdin:
        word, *arguments = json.loads(line)
        answer = {"make": make, "start": start, "stand": stand}[word](*arguments)
        connection.close()  # the database may be another one next time
        print(ANSWER + json.dumps(answer), flush=True)
