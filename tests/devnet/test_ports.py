"""Ports for servers that start later than their port is chosen."""

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devnet import ports
from devnet.http import LOOPBACK
from devnet.ports import free_port, is_free


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(ports.tempfile, "gettempdir", lambda: str(tmp_path))
    return tmp_path


def test_no_port_is_given_twice_while_its_server_has_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "RANGE", range(20_000, 20_400))
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda _: free_port(), range(100)))

    assert len(set(given)) == 100


def test_a_port_is_free_again_when_nobody_took_it_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "RANGE", range(20_000, 20_100))
    now = ports.time.time()
    free_port()
    monkeypatch.setattr(ports, "TRIES", 100)
    monkeypatch.setattr(ports.time, "time", lambda: now + ports.PROMISED_SECONDS + 60)
    free_port()

    with ports._promises() as promised:
        assert len(promised) == 1


def test_a_port_in_use_is_not_free_and_a_range_without_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((LOOPBACK, free_port())) as taken:
        port = taken.getsockname()[1]
        assert not is_free(port)
        monkeypatch.setattr(ports, "RANGE", range(port, port + 1))
        monkeypatch.setattr(ports, "TRIES", 1)
        with pytest.raises(OSError, match=f"no free port on {LOOPBACK} between {port} and {port + 1}"):
            free_port()


def test_a_file_torn_by_a_crash_is_begun_anew(folder: Path) -> None:
    free_port()
    (file,) = folder.iterdir()
    file.write_text(file.read_text()[:5])

    assert free_port() in ports.RANGE
