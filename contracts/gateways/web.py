"""Reads JSON over HTTP from one server, with limits on time, size and where it may lead us."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import requests
import stamina
import urllib3
from django.conf import settings

from contracts.gateways.errors import Throttled, Unavailable

API = "/api/v1"
MAX_ANSWER_BYTES = 16 * 1024 * 1024
LONGEST_PAUSE_SECONDS = 5.0
ATTEMPTS = 3

_CONNECT_SECONDS = 3
_CHUNK_BYTES = 64 * 1024
_TEMPORARY = (502, 503, 504)
_TOO_MANY = 429
# Whole addresses, and their paths as urllib3 writes them.
_ADDRESS = re.compile(r"\bhttps?://\S+|(?<=with url: )\S+")

Parameters = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: Any

    @property
    def messages(self) -> list[Mapping[str, Any]]:
        """The mirror node's own words about an error; empty if the answer is somebody else's."""
        status = self.body.get("_status") if isinstance(self.body, dict) else None
        found = status.get("messages") if isinstance(status, dict) else None
        return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []

    @property
    def words(self) -> str:
        return "; ".join(str(entry.get("message", "")) for entry in self.messages) or f"status {self.status}"


class _Pause(Unavailable):
    """Worth another try of a read; leaves this module only as its parent."""


class Line:
    """A session to one server, for one thread. Proxies and certificates of the environment are looked up once and not
    for each request, which takes longer than the request itself; so does making its headers.
    """

    def __init__(self, url: str) -> None:
        self._session = requests.Session()
        self._settings = self._session.merge_environment_settings(url, {}, True, None, None)
        self._session.trust_env = False
        self._plain = self._session.prepare_request(requests.Request("GET", url))

    def send(
        self,
        method: str,
        url: str,
        params: Parameters | None,
        body: Mapping[str, Any] | None,
        seconds: float,
    ) -> requests.Response:
        """Without following redirects; the answer's content is still to be read. Raises what requests raises."""
        request = self._plain.copy()
        request.method = method
        request.prepare_url(url, params)
        if body is not None:
            request.prepare_body(None, None, json=body)
        if self._session.cookies:
            request.prepare_cookies(self._session.cookies)
        timeout = (min(_CONNECT_SECONDS, seconds), seconds)
        return self._session.send(request, timeout=timeout, allow_redirects=False, **self._settings)

    def close(self) -> None:
        self._session.close()


class Web:
    """One session per thread and process: neither is shared safely by requests."""

    def __init__(self, url: str) -> None:
        self._root = url.rstrip("/").removesuffix(API)
        self._sessions = threading.local()

    def get(self, path: str, params: Parameters | None = None) -> Reply:
        """Tried again a few times when the other side is away; Unavailable when it stays so."""
        for attempt in stamina.retry_context(
            on=_pause, attempts=ATTEMPTS, timeout=None, wait_initial=0.2, wait_max=2.0, wait_jitter=0.4
        ):
            with attempt:
                return self._exchange("GET", path, params=params)
        raise AssertionError("the last attempt either returns or raises")

    def post(self, path: str, body: Mapping[str, Any]) -> Reply:
        """Sent once."""
        return self._exchange("POST", path, body=body)

    def next_path(self, link: str) -> str:
        """A page's link, if it stays on this server."""
        there, here = urlsplit(link), urlsplit(self._root)
        is_ours = not there.netloc or (there.scheme, there.netloc) == (here.scheme, here.netloc)
        path = link.removeprefix(f"{there.scheme}://{there.netloc}") if there.netloc else link
        if not is_ours or link.startswith("//") or not path.startswith(f"{API}/"):
            raise Unavailable(f"the next page leads elsewhere: {link[:200]}")
        return path

    def _line(self) -> Line:
        """A forked worker must not talk over its parent's connections."""
        if getattr(self._sessions, "pid", None) != os.getpid():
            self._sessions.pid, self._sessions.line = os.getpid(), Line(self._root)
        line: Line = self._sessions.line
        return line

    def _exchange(
        self,
        method: str,
        path: str,
        *,
        params: Parameters | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Reply:
        seconds = settings.HEDERA_MIRROR_TIMEOUT_SECONDS
        try:
            with self._line().send(method, self._root + path, params, body, seconds) as response:
                return _reply(response, time.monotonic() + seconds)
        except (requests.ConnectionError, urllib3.exceptions.ProtocolError) as error:
            raise _Pause(f"the mirror node cannot be reached: {words_of(error)}") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise Unavailable(f"the mirror node did not answer: {words_of(error)}") from error


def _pause(error: Exception) -> bool | float:
    """How long to wait before the next try: as asked, or growing; no worker sleeps for a long Retry-After."""
    if not isinstance(error, _Pause | Throttled):
        return False
    if error.retry_after is None:
        return True
    return error.retry_after if error.retry_after <= LONGEST_PAUSE_SECONDS else False


def _reply(response: requests.Response, deadline: float) -> Reply:
    status = response.status_code
    if status == _TOO_MANY:
        raise Throttled(
            "the mirror node is asked too often", status=status, retry_after=retry_after(response)
        )
    if status in _TEMPORARY:
        raise _Pause(f"the mirror node answered {status}", status=status, retry_after=retry_after(response))
    if status not in (200, 206, 400, 404):
        raise Unavailable(f"the mirror node answered {status}", status=status)
    reply = Reply(status, _json(content_of(response, deadline, whose="the mirror node's"), status))
    if status == 404 and not reply.messages:
        # A proxy's or a wrong address's 404 must not pass for "does not exist".
        raise Unavailable("this 404 is not the mirror node's", status=status)
    return reply


def content_of(response: requests.Response, deadline: float, *, whose: str) -> bytes:
    """The answer of ``whose`` server (as in "the mirror node's"). Raises Unavailable for a too long or slow one."""
    content = bytearray()
    # One chunk is what one look at the socket gives, so a trickling answer comes back here between its drops.
    while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            raise Unavailable(f"{whose} answer is longer than {MAX_ANSWER_BYTES} bytes")
        if time.monotonic() > deadline:
            raise Unavailable(f"{whose} answer trickles; given up")
    return bytes(content)


def _json(content: bytes, status: int) -> Any:
    """Numbers with a fraction become Decimal: no float comes in by this door."""
    try:
        return json.loads(content, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Unavailable(f"the mirror node's answer is not JSON: {error}", status=status) from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def retry_after(response: requests.Response) -> float | None:
    """Only the form in seconds; a date would need both clocks to agree."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdecimal() else None


def words_of(error: Exception) -> str:
    """What an error of a connection says, fit to be stored, shown and mailed."""
    return without_addresses(str(error))


def without_addresses(text: str) -> str:
    """Nodes of a provider are often reached by an address that has the key in it."""
    return _ADDRESS.sub("[address]", text)
