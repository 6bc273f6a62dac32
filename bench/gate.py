"""Lets the batches of a distribution go one after another, without a change to the code that pays them.

A batch is not touched before its `next_attempt_at`. In the bench's own database a trigger puts it out of reach
when the row is born; the gate then brings one batch at a time back, and waits until it is settled.
"""

import time
from types import TracebackType
from typing import Self

from django.db import connection

from contracts import clock
from contracts.doorbell import ring
from contracts.models import Asset
from payouts.models import Batch, Distribution

LOOK_SECONDS = 0.02
TURN_SECONDS = 120
CLOSE = """
CREATE FUNCTION bench_gate() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.next_attempt_at := now() + interval '30 days'; RETURN NEW; END $$;
CREATE TRIGGER bench_gate BEFORE INSERT ON payouts_batch FOR EACH ROW EXECUTE FUNCTION bench_gate();
"""
OPEN = "DROP TRIGGER bench_gate ON payouts_batch; DROP FUNCTION bench_gate();"


class Gate:
    def __init__(self, asset: Asset) -> None:
        self._wallet_id = asset.payout_contract.wallet_id

    def __enter__(self) -> Self:
        with connection.cursor() as cursor:
            cursor.execute(CLOSE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with connection.cursor() as cursor:
            cursor.execute(OPEN)

    def let_pass(self, distribution: Distribution, count: int) -> list[float]:
        """Seconds of each turn, from letting a batch go to seeing it settled; the first ``count`` batches."""
        batches = distribution.batches.order_by("number").values_list("pk", flat=True)[:count]
        return [self._turn(pk) for pk in batches]

    def _turn(self, pk: int) -> float:
        begin = time.monotonic()
        Batch.objects.filter(pk=pk).update(next_attempt_at=clock.now())
        ring("payouts.feed", self._wallet_id)
        while not Batch.objects.filter(pk=pk).exclude(settled_at=None).exists():
            if time.monotonic() - begin > TURN_SECONDS:
                raise SystemExit(f"batch {pk} was not settled in {TURN_SECONDS} s")
            time.sleep(LOOK_SECONDS)
        return round(time.monotonic() - begin, 3)
