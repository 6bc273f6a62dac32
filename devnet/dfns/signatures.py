"""Signature requests: made once per externalId, perhaps waiting for an approval, answered for ever."""

import threading
from collections.abc import Callable
from typing import Any

from devnet.dfns.errors import refusal
from devnet.dfns.keys import new_id, sign_payload
from devnet.dfns.store import Document, Store
from devnet.dfns.transactions import sign_transaction

ALL = "all"
DIGEST_BYTES = 32


class Signatures:
    def __init__(self, store: Store, today: Callable[[], str]) -> None:
        self._store = store
        self._today = today
        self._lock = threading.Lock()

    def create(self, key: Document, asked: dict[str, Any], *, needs_approval: bool) -> Document:
        """The same externalId with the same key and body gives the first answer; with others it is a 409."""
        signed = _sign(
            key, asked
        )  # also when an approval is needed: a request that cannot be signed is refused now
        with self._lock:
            known = self._known(key, asked)
            if known is not None:
                return known
            document = self._new(key, asked) | (self._pending() if needs_approval else self._signed(signed))
            self._store.put("signature", document)
            return document

    def get(self, key_id: str, signature_id: str) -> Document:
        document = self._store.get("signature", signature_id)
        if document is None or document["keyId"] != key_id:
            raise refusal(404, f"The signature {signature_id} does not exist")
        return document

    def page(self, key_id: str, *, limit: int, after: int) -> dict[str, Any]:
        items, more = self._store.page("signature", limit=limit, after=after)
        answer: dict[str, Any] = {
            "keyId": key_id,
            "items": [item for item in items if item["keyId"] == key_id],
        }
        return answer | ({"nextPageToken": str(more)} if more is not None else {})

    def every(self) -> list[Document]:
        return list(self._store.every("signature"))

    def pending(self) -> list[Document]:
        return [document for document in self.every() if document["status"] == "Pending"]

    def approve(self, signature_id: str, key_of: Callable[[str], Document]) -> list[str]:
        """Signs what waits (one id, or `all`); returns the ids. What does not wait is left as it is."""
        with self._lock:
            return [
                self._settle(
                    document, self._signed(_sign(key_of(document["keyId"]), document["requestBody"]))
                )
                for document in self._chosen(signature_id)
            ]

    def reject(self, signature_id: str, reason: str) -> list[str]:
        with self._lock:
            return [
                self._settle(document, {"status": "Rejected", "reason": reason})
                for document in self._chosen(signature_id)
            ]

    def _chosen(self, signature_id: str) -> list[Document]:
        return [document for document in self.pending() if signature_id in (ALL, document["id"])]

    def _settle(self, document: Document, outcome: dict[str, Any]) -> str:
        self._store.put("signature", document | outcome | {"datePolicyResolved": self._today()})
        return str(document["id"])

    def _known(self, key: Document, asked: dict[str, Any]) -> Document | None:
        external_id = asked.get("externalId")
        known = self._store.by_external_id("signature", external_id) if external_id else None
        if known is None or (known["keyId"] == key["id"] and known["requestBody"] == asked):
            return known
        raise refusal(
            409,
            "A signature request with this externalId and another content exists",
            duplicate={"id": known["id"], "externalId": external_id},
        )

    def _new(self, key: Document, asked: dict[str, Any]) -> Document:
        copied = {name: asked[name] for name in ("externalId", "network") if asked.get(name)}
        return {
            "id": new_id("sig"),
            "keyId": key["id"],
            "requester": {"userId": new_id("us"), "tokenId": new_id("to")},
            "requestBody": asked,
            "dateRequested": self._today(),
        } | copied

    def _pending(self) -> dict[str, Any]:
        return {"status": "Pending", "approvalId": new_id("ap")}

    def _signed(self, signed: dict[str, Any]) -> dict[str, Any]:
        return {"status": "Signed", "dateSigned": self._today()} | signed


def _sign(key: Document, asked: dict[str, Any]) -> dict[str, Any]:
    """The signature for a request body; raises a 400 refusal for a kind or content that cannot be signed."""
    kind = asked.get("kind")
    if kind == "Transaction":
        return sign_transaction(key, asked)
    if kind == "Hash":
        digest = _hex(asked, "hash")
        if len(digest) != DIGEST_BYTES:
            raise refusal(400, "hash must have 32 bytes")
        return {"signature": sign_payload(key, digest)}
    if kind == "Message":
        if key["scheme"] != "EdDSA":
            raise refusal(400, "Message without a network needs an EdDSA key; use Hash")
        return {"signature": sign_payload(key, _hex(asked, "message"))}
    raise refusal(400, f"kind must be Hash, Message or Transaction, not {kind!r}")


def _hex(asked: dict[str, Any], name: str) -> bytes:
    try:
        return bytes.fromhex(str(asked[name]).removeprefix("0x"))
    except (KeyError, ValueError):
        raise refusal(400, f"{name} must be hex") from None
