"""The DFNS API of the devnet."""

import json
import math
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devnet.clock import Clock
from devnet.dfns.accounts import SCHEMES, ServiceAccounts
from devnet.dfns.actions import UserActions
from devnet.dfns.errors import error_answer, refusal
from devnet.dfns.signatures import ALL, Signatures
from devnet.dfns.store import Document, Store
from devnet.dfns.traffic import Seen, Traffic
from devnet.dfns.wallets import Wallets
from devnet.faults import FaultBoard
from devnet.http import Answer, Drop, JsonServer, Request, Route

PAGE = 50
ORIGIN = "http://localhost:3000"


class DfnsServer(JsonServer):
    """Wallets, keys, credentials and signatures survive a restart; open challenges do not.

    Faults match on `METHOD path externalId`. `custody.drop_reply` concerns only calls that create something:
    with any other, nothing would have been accepted.
    """

    def __init__(self, state_dir: Path, faults: FaultBoard, clock: Clock, port: int = 0) -> None:
        super().__init__(port=port)
        self._faults = faults
        self._clock = clock
        self._store = Store(state_dir)
        self._accounts = ServiceAccounts(self._store)
        self._actions = UserActions(self._store)
        self._wallets = Wallets(self._store, self._today)
        self._signatures = Signatures(self._store, self._today)
        self._traffic = Traffic()
        self.add_routes(self._endpoints())

    def provision(
        self,
        name: str = "paydate",
        *,
        network: str = "HederaTestnet",
        scheme: str = "SECP256K1",
        origin: str = ORIGIN,
        credential: str = "P256",
    ) -> dict[str, str]:
        """A service account and a wallet of this name, as the DFNS_* settings that use them.

        The first call makes them, later ones (after a restart too) give the same. Start the server first:
        before that its address is not known.
        """
        account = self._accounts.get_or_create(name, origin=origin, credential=credential)
        wallet = self.add_wallet(name, network=network, scheme=scheme)
        address = wallet["address"]
        return {
            "DFNS_SERVICE_ACCOUNT_AUTHORIZATION_TOKEN": account["token"],
            "DFNS_SERVICE_ACCOUNT_CREDENTIAL_ID": account["credentialId"],
            "DFNS_SERVICE_ACCOUNT_PRIVATE_KEY_OR_PATH": account["privateKey"],
            "DFNS_APP_ID": "ap-devnet-paydate",
            "DFNS_APP_ORIGIN": account["origin"],
            "DFNS_BASE_URL": self.url,
            "DFNS_WALLET_ID": wallet["id"],
            "DFNS_WALLET_PUBLIC_KEY": wallet["signingKey"]["publicKey"],
            "DFNS_HEDERA_ACCOUNT_ID": address if address.startswith("0.0.") else "",
        }

    def add_wallet(self, name: str, *, network: str = "HederaTestnet", scheme: str = "SECP256K1") -> Document:
        """The wallet of this name, as GET /wallets/{id} shows it; made at the first call."""
        asked = {"name": name, "externalId": f"devnet:{name}", "network": network}
        return self._wallets.create(asked | {"signingKey": {"scheme": SCHEMES[scheme]}})

    def stellar_wallet(self, name: str = "reserve") -> Document:
        """The wallet of this name on Stellar; made at the first call."""
        return self.add_wallet(name, network="StellarTestnet", scheme="ED25519")

    def stellar_seed(self, account: str) -> bytes | None:
        """The seed of the key behind an account G..., for the owner of the devnet; None for somebody else's."""
        return self._wallets.seed_of(account)

    def set_address(self, wallet_id: str, address: str) -> None:
        """Attaches the account, for instance `0.0.1001`, that the wallet's key got on chain."""
        self._wallets.set_address(wallet_id, address)

    def set_status(self, wallet_id: str, status: str) -> None:
        self._wallets.set_status(wallet_id, status)

    def signatures(self) -> list[Document]:
        """All signature requests as the API shows them, oldest first."""
        return self._signatures.every()

    def pending(self) -> list[Document]:
        """Signatures that wait for an approval, oldest first."""
        return self._signatures.pending()

    def approve(self, signature_id: str = ALL) -> list[str]:
        return self._signatures.approve(signature_id, self._wallets.key)

    def reject(self, signature_id: str = ALL, reason: str = "rejected by an approver") -> list[str]:
        return self._signatures.reject(signature_id, reason)

    def requests(self) -> list[dict[str, str]]:
        """The last requests: method, path, external_id."""
        return self._traffic.requests()

    def traffic(self) -> dict[str, Any]:
        """Since the start or the last `forget_requests`: how many came, when, and how many were refused."""
        return self._traffic.statistics()

    def request_counts(self) -> dict[str, int]:
        """How often each `METHOD path` was asked since the start or the last `forget_requests`."""
        return dict(Counter(f"{seen['method']} {seen['path']}" for seen in self.requests()))

    def forget_requests(self) -> None:
        self._traffic.forget()

    def close(self) -> None:
        """Stops serving and closes the state; the object cannot be started again."""
        self.stop()
        self._store.close()

    def before(self, request: Request) -> Answer | None:
        subject = _subject(request)
        limit = self._faults.peek("custody.rate_limit")
        wait = self._traffic.admit(Seen(request.method, request.path, _external_id(request)), limit)
        time.sleep(self._faults.delay("custody", subject))
        if wait is not None:
            return _too_many(wait)
        if self._faults.hit("custody.drop_request", subject) is not None:
            raise Drop
        trouble = self._faults.hit("custody.error_rate", subject)
        if trouble is not None:
            return _trouble_answer(trouble)
        if not self._accounts.knows(request.header("Authorization")):
            return error_answer(401, "Unauthorized")
        return None

    def after(self, request: Request, answer: Answer) -> Answer:
        is_creation = request.method == "POST" and not request.path.startswith("/auth/")
        if (
            is_creation
            and answer.status < 400
            and self._faults.hit("custody.drop_reply", _subject(request)) is not None
        ):
            raise Drop
        return answer

    def not_found(self, request: Request) -> Answer:
        return error_answer(404, f"Not found: {request.method} {request.path}")

    def failure(self, request: Request, error: Exception) -> Answer:
        return error_answer(500, f"{type(error).__name__}: {error}")

    def _endpoints(self) -> list[Route]:
        return [
            Route(
                "POST", r"/auth/action/init", lambda request: Answer(200, self._actions.begin(_body(request)))
            ),
            Route(
                "POST", r"/auth/action", lambda request: Answer(200, self._actions.complete(_body(request)))
            ),
            Route("GET", r"/wallets", lambda request: Answer(200, self._wallets.page(**_paging(request)))),
            Route("POST", r"/wallets", self._acting(self._create_wallet)),
            Route(
                "GET",
                r"/wallets/(?P<id>[^/]+)",
                lambda request: Answer(200, self._wallets.get(request.params["id"])),
            ),
            Route(
                "GET",
                r"/keys/(?P<id>[^/]+)",
                lambda request: Answer(200, self._wallets.public_key(request.params["id"])),
            ),
            Route("GET", r"/keys/(?P<id>[^/]+)/signatures", self._list_signatures),
            Route("POST", r"/keys/(?P<id>[^/]+)/signatures", self._acting(self._create_signature)),
            Route("GET", r"/keys/(?P<id>[^/]+)/signatures/(?P<signature>[^/]+)", self._get_signature),
        ]

    def _acting(self, handler: Callable[[Request], Document]) -> Callable[[Request], Answer]:
        """Calls with an effect need a user action token, used up by this."""

        def handle(request: Request) -> Answer:
            self._actions.spend(request)
            return Answer(200, handler(request))

        return handle

    def _create_wallet(self, request: Request) -> Document:
        return self._wallets.create(_body(request))

    def _create_signature(self, request: Request) -> Document:
        key = self._wallets.key(request.params["id"])
        waits = self._faults.hit("custody.approval", _subject(request)) is not None
        return self._signatures.create(key, _body(request), needs_approval=waits)

    def _list_signatures(self, request: Request) -> Answer:
        key = self._wallets.key(request.params["id"])
        return Answer(200, self._signatures.page(key["id"], **_paging(request)))

    def _get_signature(self, request: Request) -> Answer:
        return Answer(200, self._signatures.get(request.params["id"], request.params["signature"]))

    def _today(self) -> str:
        now = datetime.fromtimestamp(self._clock.now_ns() // 1_000_000_000, UTC)
        return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _body(request: Request) -> dict[str, Any]:
    body = request.json()
    if not isinstance(body, dict):
        raise refusal(400, "The body must be an object")
    return body


def _subject(request: Request) -> str:
    return f"{request.method} {request.path} {_external_id(request)}"


def _external_id(request: Request) -> str:
    try:
        body = json.loads(request.body or b"null")
    except ValueError:
        return ""
    return str(body.get("externalId") or "") if isinstance(body, dict) else ""


def _paging(request: Request) -> dict[str, int]:
    limit, after = request.first("limit", str(PAGE)), request.first("paginationToken", "0")
    if not (limit.isdecimal() and after.isdecimal() and int(limit)):
        raise refusal(400, "limit or paginationToken is wrong")
    return {"limit": int(limit), "after": int(after)}


def _too_many(wait: float) -> Answer:
    answer = error_answer(429, "Too many requests")
    return Answer(answer.status, answer.body, {"Retry-After": str(math.ceil(wait))})


def _trouble_answer(trouble: dict[str, Any]) -> Answer:
    wait = trouble.get("retry_after")
    answer = error_answer(int(trouble.get("status", 500)), "Trouble was switched on")
    return Answer(answer.status, answer.body, {"Retry-After": str(wait)} if wait is not None else {})
