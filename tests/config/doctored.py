"""Running the doctor as a person would, and what it says."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection
from pytest_django.fixtures import Settings

from contracts import clock as paydate_clock
from devnet import clock
from tests.payouts.commands import run
from tests.world import Setting, World


def a_minute_ahead() -> int:
    """For CLOCK_OFFSET: Paydate's own clock, while the devnet's is right."""
    return clock.offset_ns() + 60_000_000_000


def a_minute_behind() -> int:
    return clock.offset_ns() - 60_000_000_000


@dataclass(frozen=True)
class Report:
    code: int
    results: list[dict[str, Any]]

    def named(self, name: str) -> list[dict[str, Any]]:
        return [result for result in self.results if result["name"] == name]

    def status(self, name: str) -> str:
        """Of the line of this name; there is one."""
        (result,) = self.named(name)
        return str(result["status"])

    def wrong(self) -> list[dict[str, Any]]:
        return [result for result in self.results if result["status"] in ("failed", "warning")]

    @property
    def text(self) -> str:
        return json.dumps(self.results)


@dataclass(frozen=True)
class Clinic:
    """A sound installation on a devnet; tests plant one misfortune each."""

    world: World
    settings: Settings
    setting: Setting

    def look(self, *words: str) -> Report:
        ended = run("doctor", "--json", *words)
        body = json.loads(ended.out)
        assert body["exit_code"] == ended.code
        assert body["ok"] is (ended.code == 0)
        return Report(ended.code, body["results"])

    def finds(
        self, name: str, words: str, fix: str, *, status: str = "failed", perhaps: Iterable[str] = ()
    ) -> Report:
        """Exactly this line is wrong, it says so, and it names the fix; others of `perhaps` may be wrong, too."""
        report = self.look()
        wrong = [result for result in report.wrong() if result["name"] not in perhaps]
        assert [result["name"] for result in wrong] == [name], report.wrong()
        (found,) = wrong
        assert found["status"] == status
        assert words in found["words"], found
        assert fix in found["fix"], found
        assert report.code == (1 if status == "failed" else 0)
        return report

    def let_time_pass(self) -> None:
        """Until the ledgers' time is ours again: no two close in one second, however fast a test changes things."""
        status = self.world.control.do_stellar_status()
        ahead = status["closed"] - paydate_clock.now_ns() // paydate_clock.NANOSECONDS
        if ahead > 0:
            self.world.advance(ahead)

    def commits(self, value: str | None) -> None:
        """What new connections get as synchronous_commit; test databases are made without."""
        name = connection.ops.quote_name(str(connection.settings_dict["NAME"]))
        with connection.cursor() as cursor:
            change = f"SET synchronous_commit = {value}" if value else "RESET synchronous_commit"
            cursor.execute(f"ALTER DATABASE {name} {change}")
