"""A headless Chromium spoken to over plain WebDriver, for the few things only a browser can show."""

import base64
import contextlib
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

from devnet.ports import free_port
from tests.patience import PATIENCE

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--no-proxy-server",
)
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


def missing() -> str:
    """What has to be installed before a browser can be used, in words; empty when all is there."""
    names = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"{' and '.join(names)} not found: install them to run the browser tests" if names else ""


class Browser:
    """The handful of WebDriver commands that the tests need; elements are named by CSS selectors."""

    def __init__(self, address: str, session: str) -> None:
        self.address = f"{address}/session/{session}"

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return _ask(method, f"{self.address}/{path}", body if method == "POST" else None)

    def open(self, url: str) -> None:
        self.ask("POST", "url", {"url": url})

    def size(self, width: int, height: int) -> None:
        self.ask("POST", "window/rect", {"width": width, "height": height})

    def run(self, script: str) -> Any:
        return self.ask("POST", "execute/sync", {"script": script, "args": []})

    def cookie(self, name: str, value: str) -> None:
        self.ask("POST", "cookie", {"cookie": {"name": name, "value": value, "path": "/"}})

    def find(self, selector: str) -> str:
        """Waits until exactly this is there and can be seen."""
        deadline = time.monotonic() + PATIENCE
        while True:
            found = self.ask("POST", "elements", {"using": "css selector", "value": selector})
            shown = [one[ELEMENT] for one in found if self._is_shown(one[ELEMENT])]
            if shown:
                return shown[0]
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"{selector} did not appear on {self.ask('GET', 'url')}:\n{self.text()[:2000]}"
                )
            time.sleep(0.1)

    def _is_shown(self, element: str) -> bool:
        with contextlib.suppress(HTTPError):  # replaced in the meantime
            return bool(self.ask("GET", f"element/{element}/displayed"))
        return False

    def click(self, selector: str) -> None:
        self.ask("POST", f"element/{self.find(selector)}/click", {})

    def type(self, selector: str, text: str) -> None:
        self.ask("POST", f"element/{self.find(selector)}/value", {"text": text})

    def text(self) -> str:
        return str(self.run("return document.body.innerText"))

    def wait_for_text(self, wanted: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while wanted not in (shown := self.text()):
            if time.monotonic() > deadline:
                raise AssertionError(f"{wanted!r} did not appear:\n{shown[:2000]}")
            time.sleep(0.1)

    def complaints(self) -> list[str]:
        """What the browser itself found wrong: blocked scripts, missing files, errors in scripts."""
        return [entry["message"] for entry in self.ask("POST", "se/log", {"type": "browser"})]

    def screenshot(self, file: Path) -> None:
        file.write_bytes(base64.b64decode(self.ask("GET", "screenshot")))


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    with tempfile.TemporaryDirectory() as folder, _driver() as address:
        options = {"args": [*FLAGS, f"--user-data-dir={folder}"], "binary": shutil.which("chromium")}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        made = _ask("POST", f"{address}/session", {"capabilities": {"alwaysMatch": wanted}})
        session = Browser(address, made["sessionId"])
        try:
            yield session
        finally:
            _ask("DELETE", session.address, None)


@contextlib.contextmanager
def _driver() -> Iterator[str]:
    port = free_port()
    command = [str(shutil.which("chromedriver")), f"--port={port}", "--allowed-ips=127.0.0.1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(f"{address}/status")
        yield address
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(URLError, OSError):
            if _ask("GET", url, None)["ready"]:
                return
        if time.monotonic() > deadline:
            raise AssertionError("chromedriver did not start")
        time.sleep(0.1)


def _ask(method: str, url: str, body: dict[str, Any] | None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=PATIENCE) as answer:
        return json.load(answer)["value"]
