"""What every part of the demo has: the local network, a voice, and patience that ends."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from contracts import clock
from devnet.client import DevnetClient

BY = "demo"
POLL_SECONDS = 0.25
# What lifts a hold by itself, a clock or a top-up, has been there for this long.
PATIENCE_SECONDS = 60


class DemoFailed(Exception):
    """Something is not as the chain has it, or does not move; the text says what."""


@dataclass(frozen=True, slots=True)
class Scene:
    client: DevnetClient
    say: Callable[[str], None]
    complain: Callable[[str], None]

    def let_ledgers_be_due(self) -> None:
        """What the devnet does at once closes a ledger of its own, and no two close in the same second: after many of
        them the chain's time is ahead, and the clock that Paydate shares with the devnet follows it.
        """
        ahead = self.client.stellar_status()["closed"] - clock.now_ns() // clock.NANOSECONDS
        if ahead > 0:
            self.client.advance(ahead)

    def watch(
        self, look: Callable[[], str], *, is_over: Callable[[], bool], why_not: Callable[[], str]
    ) -> float:
        """Says what is seen, each time that it changes, until it is over; the seconds it took.

        Raises DemoFailed when nothing changes any more and there is a reason.
        """
        begin = moved_at = time.monotonic()
        shown = ""
        while True:
            if (line := look()) != shown:
                shown, moved_at = line, time.monotonic()
                self.say(f"{moved_at - begin:6.1f} s  {line}")
            if is_over():
                return time.monotonic() - begin
            if time.monotonic() - moved_at > PATIENCE_SECONDS and (reason := why_not()):
                raise DemoFailed(
                    f"nothing has moved for {PATIENCE_SECONDS} s: {reason}; `make doctor` says more"
                )
            time.sleep(POLL_SECONDS)
