"""User action signing: no call with an effect passes without a fresh signature of the service account."""

import base64
import json
import secrets
import threading
import time
from dataclasses import dataclass
from typing import Any

from devnet.dfns.errors import refusal
from devnet.dfns.keys import verify_credential
from devnet.dfns.store import Document, Store
from devnet.http import Request

LIFETIME_NS = 5 * 60 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class _Action:
    """What the challenge, and later the token, stands for. The payload is compared as text, byte for byte."""

    method: str
    path: str
    payload: str
    expires_ns: int
    challenge: str


class UserActions:
    """Challenges and tokens live in memory: after a restart the client begins again, as after expiry.

    They expire by real time: advancing the devnet's clock must not break a call that is under way.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._challenges: dict[str, _Action] = {}
        self._tokens: dict[str, _Action] = {}

    def begin(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The answer of POST /auth/action/init."""
        identifier = secrets.token_urlsafe(32)
        try:
            action = _Action(
                method=asked["userActionHttpMethod"],
                path=asked["userActionHttpPath"],
                payload=asked["userActionPayload"],
                expires_ns=time.monotonic_ns() + LIFETIME_NS,
                challenge=secrets.token_urlsafe(32),
            )
        except KeyError as missing:
            raise refusal(400, f"{missing} is missing") from None
        with self._lock:
            self._forget_expired()
            self._challenges[identifier] = action
        return self._challenge_answer(identifier, action)

    def complete(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The answer of POST /auth/action. A challenge is gone after one try, good or bad."""
        action = self._take(self._challenges, str(asked.get("challengeIdentifier", "")))
        if action is None:
            raise refusal(401, "The challenge is unknown, expired or already used")
        factor = asked.get("firstFactor") or {}
        if factor.get("kind") != "Key":
            raise refusal(400, "Only credentials of kind Key are supported here")
        self._check_assertion(factor.get("credentialAssertion") or {}, action)
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._tokens[token] = action
        return {"userAction": token}

    def spend(self, request: Request) -> None:
        """Lets the request pass once, if its token was made for exactly this method, path and body."""
        token = request.header("X-DFNS-USERACTION")
        if not token:
            raise refusal(403, "User action signature is missing")
        action = self._take(self._tokens, token)
        if action is None:
            raise refusal(403, "User action signature is unknown, expired or already used")
        if (action.method, action.path) != (request.method, request.path):
            raise refusal(403, "User action signature was made for another call")
        if action.payload.encode() != request.body:
            raise refusal(403, "User action signature was made for another payload")

    def _challenge_answer(self, identifier: str, action: _Action) -> dict[str, Any]:
        known = [
            {"type": "public-key", "id": credential["id"]} for credential in self._store.every("credential")
        ]
        return {
            "challenge": action.challenge,
            "challengeIdentifier": identifier,
            "allowCredentials": {"key": known, "passwordProtectedKey": [], "webauthn": []},
            "supportedCredentialKinds": [{"kind": "Key", "factor": "first", "requiresSecondFactor": False}],
            "userVerification": "required",
            "externalAuthenticationUrl": "",
            "rp": {"id": "127.0.0.1", "name": "Paydate devnet"},
        }

    def _check_assertion(self, assertion: dict[str, str], action: _Action) -> None:
        credential = self._store.get("credential", assertion.get("credId", ""))
        if credential is None:
            raise refusal(401, "The credential is unknown")
        try:
            client_data = _base64url(assertion["clientData"])
            signature = _base64url(assertion["signature"])
            said = json.loads(client_data)
        except (KeyError, ValueError):
            raise refusal(400, "The assertion cannot be read") from None
        if not verify_credential(credential["publicKey"], client_data, signature):
            raise refusal(401, "The credential's signature is wrong")
        _check_client_data(said, action, credential)

    def _take(self, shelf: dict[str, _Action], name: str) -> _Action | None:
        with self._lock:
            action = shelf.pop(name, None)
        return action if action and action.expires_ns > time.monotonic_ns() else None

    def _forget_expired(self) -> None:
        now = time.monotonic_ns()
        for shelf in (self._challenges, self._tokens):
            for name in [name for name, action in shelf.items() if action.expires_ns <= now]:
                del shelf[name]


def _check_client_data(said: Any, action: _Action, credential: Document) -> None:
    if not isinstance(said, dict) or said.get("type") != "key.get" or said.get("crossOrigin") is not False:
        raise refusal(401, "The client data is not that of a key")
    if said.get("challenge") != action.challenge:
        raise refusal(401, "The client data is for another challenge")
    if said.get("origin") != credential["origin"]:
        raise refusal(401, f"The origin {said.get('origin')!r} is not registered")


def _base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
