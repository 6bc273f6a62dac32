"""The task `bench.pool` measures; as a program, it queues that many of them."""

import os
import sys
import threading

import redis
import requests
from celery import shared_task
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

COUNTER = "bench:done"
KEY = Ed25519PrivateKey.generate()
BODY = b"a transaction body of about the usual size " * 40
SIGNATURE = KEY.sign(BODY)
_local = threading.local()


@shared_task(name="bench.sign", queue="bench")
def sign(row_id: int) -> None:
    from django.conf import settings

    from config.tasks import record_heartbeat

    if not hasattr(_local, "session"):
        _local.session = requests.Session()
        _local.broker = redis.Redis.from_url(settings.REDIS_URL.get_secret_value())
    for _ in range(3):
        _local.session.get(os.environ["BENCH_URL"], timeout=10)
    KEY.public_key().verify(SIGNATURE, BODY)
    record_heartbeat(f"bench-{row_id % 64}")
    _local.broker.incr(COUNTER)


if __name__ == "__main__":
    import django

    django.setup()
    from bench.pool_tasks import sign as task

    for number in range(int(sys.argv[1])):
        task.delay(number)
