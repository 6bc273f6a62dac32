"""Lives on Stellar are lengthened, and what was archived is restored, by recorded transactions."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from contracts.models import AuditEvent, Contract, ContractTransaction
from contracts.services.extending import DAY_LEDGERS, NotExtended, extend, lives_of
from tests.stellar import investment
from tests.world import Pump, World

WHOLE = 10**7
Sent = ContractTransaction.Status


@pytest.fixture
def contract(world: World) -> Contract:
    """Paydate's own, with one investment."""
    made = investment(world, version=2)
    world.control.do_invest(made.address, 1_000 * WHOLE)
    # All contracts share it, and tests before have let time pass.
    world.control.do_archive(made.address, "code", 150 * DAY_LEDGERS)
    return made


def settled(pump: Pump) -> None:
    pump.run(lambda: not ContractTransaction.objects.open().exists())


def names(entries: Any) -> list[str]:
    return [one.name for one in entries]


def test_everything_that_a_call_needs_is_looked_at(contract: Contract) -> None:
    lives = lives_of(contract, days=100)
    known = names(lives.enough)
    assert known[:4] == ["instance", "code", "Investment(1)", "Owner(1)"]
    assert sum(name.startswith("DuePage(") for name in known) >= 10
    assert known[-1] == "its balance of the token"
    assert lives.is_enough


def test_what_ends_too_soon_lives_on(world: World, contract: Contract, pump: Pump) -> None:
    world.control.do_archive(contract.address, "instance", 5_000)
    world.control.do_archive(contract.address, "1", 9_000)
    before = lives_of(contract, days=30)
    assert names(before.short) == ["instance", "Investment(1)"]
    rows = extend(contract, before, days=30, by="ann")
    assert [row.function for row in rows] == ["stellarExtendTtl"]
    settled(pump)
    assert lives_of(contract, days=29).is_enough
    rows[0].refresh_from_db()
    assert (rows[0].status, rows[0].result) == (Sent.SUCCEEDED, {"output": [], "events": []})
    assert AuditEvent.objects.filter(what="extend", by="ann").count() == 1


def test_what_is_archived_is_restored(world: World, contract: Contract, pump: Pump) -> None:
    world.control.do_archive(contract.address, "instance", -1)
    before = lives_of(contract, days=30)
    assert names(before.archived) == ["instance"]
    extend(contract, before, days=30, by="ann")
    settled(pump)
    assert lives_of(contract, days=100).is_enough


def test_two_at_once_plan_it_once(world: World, contract: Contract) -> None:
    world.control.do_archive(contract.address, "instance", 5_000)
    lives = lives_of(contract, days=30)
    extend(contract, lives, days=30, by="ann")
    with pytest.raises(NotExtended, match="1 transactions that do this are under way"):
        extend(contract, lives, days=30, by="bob")


def test_of_the_deployed_family_instance_and_code_are_known(world: World) -> None:
    older = investment(world)
    assert set(names(lives_of(older, days=20).enough)) == {"instance", "code"}


@pytest.mark.parametrize("days", [0, 180])
def test_days_that_cannot_be_had_are_refused(contract: Contract, days: int) -> None:
    with pytest.raises(NotExtended, match=f"{days} days cannot be had: give a number from 1 to 179"):
        lives_of(contract, days=days)


def test_the_command_says_what_it_found_and_plans_it(
    world: World, contract: Contract, pump: Pump, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("extend_ttl", contract.address, days=100)
    assert "live 100 days or longer" in capsys.readouterr().out
    world.control.do_archive(contract.address, "instance", 2 * DAY_LEDGERS + 10)
    call_command("extend_ttl", contract.address, dry_run=True)
    words = capsys.readouterr().out
    assert "instance end within 90 days, instance first in 2 days" in words
    assert not ContractTransaction.objects.exists()
    call_command("extend_ttl", all=True)
    assert "stellarExtendTtl" in capsys.readouterr().out
    settled(pump)
    call_command("extend_ttl", contract.address, days=89)
    assert "live 89 days or longer" in capsys.readouterr().out


def test_bad_words_end_the_command(contract: Contract, capsys: pytest.CaptureFixture[str]) -> None:
    for given in ((), ("CABC",)):
        with pytest.raises((SystemExit, CommandError)):
            call_command("extend_ttl", *given)
    assert "no investment contract CABC" in capsys.readouterr().err
