"""The mirror's address: replicas of different lag behind one port, and the faults a public mirror shows."""

import random
import threading
import time
from collections.abc import Callable, Mapping

from devnet.faults import FaultBoard
from devnet.http import Answer, Drop, JsonServer, Request, Route
from devnet.ledger import Ledger
from devnet.mirror import accounts, blocks, calls, contracts, logs, network, tokens, transactions
from devnet.mirror.errors import NOT_FOUND, Refusal, status_body
from devnet.mirror.query import MAX_LIMIT
from devnet.mirror.repeats import Repeats, page_of
from devnet.mirror.replica import DEFAULT_NODES, LOCAL_CHAIN_ID, Network, Replica

REPLICAS = 2
REPLICA_HEADER = "X-Devnet-Replica"
_ROOT = "/api/v1"
_REASONS = {
    429: "Too Many Requests",
    500: "Internal error",
    502: "Bad Gateway",
    503: "Service unavailable",
    504: "Gateway Timeout",
}
Page = Callable[[Replica, Request], Answer]
# Literal addresses stand before those with a placeholder that would match them too.
_PAGES: tuple[tuple[str, str, Page], ...] = (
    ("POST", "/contracts/call", calls.call),
    ("GET", "/contracts/results/logs", logs.all_logs),
    ("GET", "/contracts/results/(?P<id>[^/]+)", contracts.result_by_id_or_hash),
    ("GET", "/contracts/(?P<id>[^/]+)/results/logs", logs.contract_logs),
    ("GET", "/contracts/(?P<id>[^/]+)/results/(?P<timestamp>[^/]+)", contracts.result_by_timestamp),
    ("GET", "/contracts/(?P<id>[^/]+)/results", contracts.contract_results),
    ("GET", "/contracts/(?P<id>[^/]+)", contracts.contract),
    ("GET", "/transactions", transactions.transactions),
    ("GET", "/transactions/(?P<id>.+)", transactions.transaction),
    ("GET", "/blocks", blocks.blocks),
    ("GET", "/blocks/(?P<id>[^/]+)", blocks.block),
    ("GET", "/accounts/(?P<id>[^/]+)/tokens", accounts.account_tokens),
    ("GET", "/accounts/(?P<id>[^/]+)", accounts.account),
    ("GET", "/tokens/(?P<id>[^/]+)/balances", tokens.token_balances),
    ("GET", "/tokens/(?P<id>[^/]+)", tokens.token),
    ("GET", "/network/nodes", network.nodes),
    ("GET", "/network/exchangerate", network.exchange_rate),
    ("GET", "/network/fees", network.fees),
)


class MirrorServer(JsonServer):
    """Each request goes to one replica, drawn from a seeded generator, as behind a load balancer."""

    def __init__(
        self,
        ledger: Ledger,
        faults: FaultBoard,
        *,
        port: int = 0,
        nodes: Mapping[str, int] | None = None,
        chain_id: int = LOCAL_CHAIN_ID,
        seed: int = 0,
    ) -> None:
        super().__init__([self._route(*page) for page in _PAGES], port=port)
        self._ledger = ledger
        self._faults = faults
        self._repeats = Repeats(faults)
        self._network = Network(chain_id, dict(nodes or DEFAULT_NODES))
        self._random = random.Random(seed)  # noqa: S311 - picks a replica, guards nothing
        self._lock = threading.Lock()
        self._is_wanted = False
        faults.on_change(self._obey_down)

    def start(self) -> None:
        """Takes the port even when `mirror.down` is on, so that the address is the same afterwards."""
        with self._lock:
            self._is_wanted = True
            super().start()
        self._obey_down()

    def stop(self) -> None:
        with self._lock:
            self._is_wanted = False
            super().stop()

    def before(self, request: Request) -> Answer | None:
        time.sleep(self._faults.delay("mirror", request.target))
        if self._faults.hit("mirror.not_found", request.target) is not None:
            return self.not_found(request)
        fault = self._faults.hit("mirror.error_rate", request.target)
        if fault is None:
            return None
        status = int(fault.get("status", 503))
        headers = {"Retry-After": str(fault["retry_after"])} if "retry_after" in fault else {}
        message = _REASONS.get(status, f"Status {status}")
        return Answer(status, status_body([{"message": message}]), headers)

    def after(self, request: Request, answer: Answer) -> Answer:
        if self._faults.hit("mirror.drop_reply", request.target) is not None:
            raise Drop
        answer = self._repeats.answer(request, answer)
        self._weigh(request, answer)
        return answer

    def _weigh(self, request: Request, answer: Answer) -> None:
        """A slow server takes longer the more a page shows."""
        page = page_of(answer)
        slow = self._faults.hit("mirror.slow_page", request.target) if page else None
        if page and slow:
            time.sleep(float(slow.get("ms_per_row", 0)) / 1000 * len(page[1]))

    def not_found(self, request: Request) -> Answer:
        return Answer(404, status_body([{"message": NOT_FOUND}]))

    def failure(self, request: Request, error: Exception) -> Answer:
        detail = f"{type(error).__name__}: {error}"
        return Answer(500, status_body([{"message": _REASONS[500], "detail": detail}]))

    def _route(self, method: str, pattern: str, page: Page) -> Route:
        def handler(request: Request) -> Answer:
            return self._page(page, request)

        return Route(method, f"{_ROOT}{pattern}/?", handler)

    def _page(self, page: Page, request: Request) -> Answer:
        replica = self._replica(request)
        try:
            answer = page(replica, request)
        except Refusal as refusal:
            answer = refusal.answer()
        return Answer(answer.status, answer.body, {**answer.headers, REPLICA_HEADER: str(replica.number)})

    def _replica(self, request: Request) -> Replica:
        with self._lock:
            number = self._random.randrange(REPLICAS)
        until = self._ledger.visible_until(number)
        cut = self._faults.hit("mirror.page_limit", request.target) or {}
        most = min(max(int(cut.get("rows", MAX_LIMIT)), 1), MAX_LIMIT)
        return Replica(self._ledger, self._faults, self._network, number, until, most)

    def _obey_down(self) -> None:
        with self._lock:
            if self._faults.peek("mirror.down") is not None:
                super().stop()
            elif self._is_wanted:
                super().start()
