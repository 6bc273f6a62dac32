"""A mirror over the sample ledger, and short ways to ask it."""

from collections.abc import Iterator
from typing import Any

import requests

from devnet.faults import FaultBoard
from devnet.ledger import Ledger
from devnet.mirror.server import MirrorServer
from tests.patience import PATIENCE

LOGS = "/api/v1/contracts/0.0.1001/results/logs"
RESULT = "/api/v1/contracts/results/0.0.1002-1795166752-000000007"


class MirrorUnderTest:
    """`ledger` and `faults` are those the server reads, so a test may change them while it runs."""

    def __init__(self, ledger: Ledger, faults: FaultBoard) -> None:
        self.ledger = ledger
        self.faults = faults
        self.server = MirrorServer(ledger, faults)

    def get(self, path: str) -> requests.Response:
        return requests.get(self.server.url + path, timeout=PATIENCE)

    def body(self, path: str) -> Any:
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def words(self, path: str) -> list[str]:
        """The messages of a refused request."""
        answer = self.get(path)
        assert answer.status_code == 400, answer.text
        return [entry["message"] for entry in answer.json()["_status"]["messages"]]

    def pages(self, path: str) -> Iterator[Any]:
        """Every page, following links.next until it is null."""
        link: str | None = path
        while link:
            page = self.body(link)
            yield page
            link = page["links"]["next"]

    def call(self, **question: Any) -> requests.Response:
        return requests.post(f"{self.server.url}/api/v1/contracts/call", json=question, timeout=PATIENCE)
