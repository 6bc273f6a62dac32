import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from config.boot import BASE_DIR
from devnet.services import supervisor as module
from devnet.services.processes import is_alive, read_pid, wait_until
from devnet.services.supervisor import Entry, Supervisor, read_procfile, scaled
from tests.config.programs import STUBBORN, all_gone, pids_in, sleeper

KILLABLE = """
import os, sys, threading
from pathlib import Path
from devnet.services.supervisor import Supervisor
from tests.config.programs import sleeper
home = Path(sys.argv[1])
Supervisor(
    [sleeper("one", home / "pids", "child"), sleeper("two", home / "pids")],
    home=home, folder=home, environment=os.environ, stopping=threading.Event(),
).run()
"""


@contextmanager
def supervised(home: Path, *entries: Entry) -> Iterator[Supervisor]:
    """Driven step by step from this thread: children end with the thread that started them."""
    supervisor = Supervisor(
        entries, home=home, folder=home, environment=os.environ, stopping=threading.Event(), echo=False
    )
    supervisor.start()
    try:
        yield supervisor
    finally:
        supervisor.stop()


def revived(supervisor: Supervisor, pids: Path, count: int) -> list[int]:
    def step() -> bool:
        for child in supervisor.children:
            child.revive()
        return len(pids.read_text().split()) >= count

    assert wait_until(step, 10)
    return pids_in(pids, count)


def test_a_dead_process_is_started_again_and_its_pid_file_follows(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with supervised(tmp_path, sleeper("one", pids)) as supervisor:
        first = pids_in(pids, 1)[0]
        os.kill(first, signal.SIGKILL)
        second = revived(supervisor, pids, 2)[1]
        assert read_pid(tmp_path / "run" / "one.pid") == second != first
    assert all_gone([second])
    assert not (tmp_path / "run" / "one.pid").exists()


def test_the_pause_grows_while_a_process_keeps_failing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    with supervised(tmp_path, Entry("fails", (sys.executable, "-c", "raise SystemExit(3)"))) as supervisor:
        supervisor.children[0]._pause = 0.01
        said = []

        def step() -> bool:
            supervisor.children[0].revive()
            said.append(capsys.readouterr().out)
            return "0.04 s" in "".join(said)

        assert wait_until(step, 20)
    assert "ended with exit code 3, starts again in 0.01 s" in "".join(said)


def test_stopping_ends_whole_groups_and_insists_with_the_stubborn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.5)
    pids = tmp_path / "pids"
    entries = [sleeper("one", pids, "child"), sleeper("two", pids, "child", code=STUBBORN)]
    with supervised(tmp_path, *entries):
        started = pids_in(pids, 4)
    assert all_gone(started)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_no_orphan_stays_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLABLE, str(tmp_path)], cwd=BASE_DIR, env=os.environ | {"PYTHONPATH": "."}
    )
    one, child, two = _by_kind(pids_in(tmp_path / "pids", 3), process.pid)
    process.kill()
    process.wait()
    assert all_gone([one, two])
    os.kill(child, signal.SIGKILL)


def _by_kind(pids: list[int], parent: int) -> tuple[int, int, int]:
    """The two direct children, and the grandchild between them."""
    direct = [pid for pid in pids if _parent_of(pid) == parent]
    grandchild = next(pid for pid in pids if pid not in direct)
    return direct[0], grandchild, direct[1]


def _parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_output_goes_to_a_log_and_to_the_terminal_with_a_prefix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = Entry("talks", (sys.executable, "-c", "print('hello'); import time; time.sleep(600)"))
    supervisor = Supervisor(
        [entry], home=tmp_path, folder=tmp_path, environment=os.environ, stopping=threading.Event()
    )
    supervisor.start()
    log = tmp_path / "log" / "talks.log"
    assert wait_until(lambda: log.exists() and "hello" in log.read_text(), 10)
    supervisor.stop()
    assert "talks    | hello" in capsys.readouterr().out


def test_nothing_starts_after_a_stop_was_asked_for(tmp_path: Path) -> None:
    stopping = threading.Event()
    stopping.set()
    supervisor = Supervisor(
        [sleeper("one", tmp_path / "pids")],
        home=tmp_path,
        folder=tmp_path,
        environment=os.environ,
        stopping=stopping,
    )
    supervisor.run()
    assert supervisor.children[0].process is None


def test_the_procfile_names_the_four_processes_without_a_shell() -> None:
    entries = {entry.name: entry.command for entry in read_procfile(BASE_DIR / "Procfile")}
    assert list(entries) == ["web", "worker", "signer", "beat"]
    for name, command in entries.items():
        assert command[:2] == ("env", f"PAYDATE_PROCESS={name}")
    assert "default,sync,checks" in entries["worker"]
    assert entries["signer"][entries["signer"].index("--queues") + 1] == "signing"


def test_an_entry_can_run_in_copies() -> None:
    entries = [Entry("worker", ("a",)), Entry("beat", ("b",))]
    assert [entry.name for entry in scaled(entries, {"worker": 3})] == [
        "worker",
        "worker.2",
        "worker.3",
        "beat",
    ]


def test_a_zombie_is_not_alive() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    assert wait_until(lambda: not is_alive(process.pid), 10)
    process.wait()
