"""A process that does nothing but look at one listener, again and again, until it is killed.

The mirror node and the number of the listener are its arguments; its clock stands where the chain ends.
"""

import os
import sys

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "config.testing"
django.setup()

from django.conf import settings  # noqa: E402

from chainsync import processors  # noqa: E402
from chainsync.services.following import follow  # noqa: E402
from contracts.gateways.errors import GatewayError  # noqa: E402
from contracts.gateways.mirror import mirror  # noqa: E402
from tests.chainsync import followed_ledger  # noqa: E402

READY = "reading"


def main(url: str, listener: int) -> None:
    settings.HEDERA_MIRROR_URL = url
    settings.CLOCK_OFFSET = "tests.chainsync.followed_ledger.offset_ns"
    processors._processors.clear()
    followed_ledger.register(followed_ledger.Applied())
    print(READY, flush=True)
    while True:
        try:
            followed_ledger.stand_at(mirror().newest_block().to_ns)
        except GatewayError:
            continue
        follow(listener)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
