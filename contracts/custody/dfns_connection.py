"""The DFNS SDK's client, with what the SDK leaves open: time limit, Retry-After, errors of our own tree."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from dfns_sdk import DfnsClient, DfnsError
from dfns_sdk.auth import Signer

from contracts.gateways.errors import Conflict, GatewayError, OutcomeUnknown, Refused, Throttled, Unavailable

LONGEST_TEXT = 500
# Raised before a byte of the request has left.
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
# The SDK lets these escape: transport trouble, an answer that is not JSON, a challenge without its fields.
NOT_UNDERSTOOD = (httpx.HTTPError, ValueError, KeyError, TypeError)
# 4xx by number, but about the moment and not about the request.
PASSING = frozenset({408, 425})


@dataclass(slots=True)
class _Call:
    """One use of the SDK: up to three requests, of which only the last has an effect."""

    is_final_sent: bool = False
    retry_after: float | None = None


_current: ContextVar[_Call] = ContextVar("dfns_call")


@dataclass(frozen=True, slots=True)
class Access:
    """In place of the SDK's DfnsClientConfig, whose repr prints the token."""

    auth_token: str = field(repr=False)
    base_url: str
    signer: Signer = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


class Connection:
    """One SDK client per process: opened at the first call, and again after a fork. Safe for threads."""

    def __init__(self, access: Access, *, timeout: float) -> None:
        self._access = access
        self._timeout = timeout
        # By process id and without a lock: a lock or a socket inherited over a fork would not be ours.
        self._clients: dict[int, DfnsClient] = {}

    def call(self, ask: Callable[[DfnsClient], Any]) -> dict[str, Any]:
        """The answer, always an object. Raises GatewayError; nothing else of the SDK comes through."""
        answer = self._attempt(ask)
        if isinstance(answer, GatewayError):
            # Raised out here so that no traceback keeps the SDK's frames: they hold the token.
            raise answer
        return answer

    def close(self) -> None:
        if client := self._clients.pop(os.getpid(), None):
            client.close()

    def _attempt(self, ask: Callable[[DfnsClient], Any]) -> dict[str, Any] | GatewayError:
        with _tracked() as call:
            try:
                return _object(ask(self._open()))
            except DfnsError as error:
                return _refusal(error, call)
            except NOT_UNDERSTOOD as error:
                return _trouble(error, call)

    def _open(self) -> DfnsClient:
        process = os.getpid()
        if client := self._clients.get(process):
            return client
        made = self._new_client()
        client = self._clients.setdefault(process, made)
        if client is not made:
            made.close()
        return client

    def _new_client(self) -> DfnsClient:
        client = DfnsClient(self._access)
        # The SDK fixes 30 s and hides response headers; its private httpx client is the only way to both.
        transport: httpx.Client = client._http._client
        transport.timeout = httpx.Timeout(self._timeout)
        transport.event_hooks = {"request": [_note_request], "response": [_note_response]}
        return client


@contextmanager
def _tracked() -> Iterator[_Call]:
    call = _Call()
    token = _current.set(call)
    try:
        yield call
    finally:
        _current.reset(token)


def _note_request(request: httpx.Request) -> None:
    if "X-DFNS-USERACTION" in request.headers:
        _current.get().is_final_sent = True


def _note_response(response: httpx.Response) -> None:
    _current.get().retry_after = _retry_after(response.headers)


def _retry_after(headers: httpx.Headers) -> float | None:
    """Seconds; a date is taken relative to the answer's own Date, so that clocks need not agree."""
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        wait = parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError):  # no date, or one with a zone and one without
        return None
    return max(0.0, wait.total_seconds())


def _object(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise TypeError(f"the answer is a {type(answer).__name__}, not an object")
    return answer


def _refusal(error: DfnsError, call: _Call) -> GatewayError:
    """DFNS answered with a status of 400 or more; `error_code` is often empty, so the status decides."""
    text, code, status = error.message[:LONGEST_TEXT], error.error_code, error.status_code
    if status == 409:
        return Conflict(text, duplicate_id=_duplicate(error.details), code=code, status=status)
    if status == 429:
        return Throttled(text, code=code, status=status, retry_after=call.retry_after)
    if status is None or (status < 500 and status not in PASSING):
        return Refused(text, code=code, status=status)
    if call.is_final_sent:
        return OutcomeUnknown(text, code=code, status=status)
    return Unavailable(text, code=code, status=status, retry_after=call.retry_after)


def _duplicate(details: dict[str, Any]) -> str | None:
    duplicate = details.get("duplicate")
    return str(duplicate["id"]) if isinstance(duplicate, dict) and "id" in duplicate else None


def _trouble(error: Exception, call: _Call) -> GatewayError:
    text = f"{type(error).__name__}: {error}"[:LONGEST_TEXT]
    if call.is_final_sent and not isinstance(error, NOT_SENT):
        return OutcomeUnknown(text)
    return Unavailable(text)
