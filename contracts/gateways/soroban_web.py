"""The HTTP client under stellar-sdk's `SorobanServer`: one request is one request, within limits of time and size.

The SDK's own client repeats every POST by itself, sendTransaction included, follows redirects, and reads an
answer of any length.
"""

from __future__ import annotations

import json
import threading
import time
from typing import Any, NoReturn

import requests
import urllib3
from django.conf import settings
from stellar_sdk.client.base_sync_client import BaseSyncClient
from stellar_sdk.client.response import Response

from contracts.gateways.errors import Refused, Throttled, Unavailable
from contracts.gateways.web import Line, content_of, retry_after, words_of

_TOO_MANY = 429


class RpcClient(BaseSyncClient):
    """Raises Unavailable, Throttled or Refused; one session per thread, because requests shares none safely."""

    def __init__(self) -> None:
        self._local = threading.local()

    def post(
        self, url: str, data: dict[str, str] | None = None, json_data: dict[str, Any] | None = None
    ) -> Response:
        if data is not None:
            raise NotImplementedError("the Soroban RPC is asked in JSON only")
        seconds = settings.SOROBAN_TIMEOUT_SECONDS
        try:
            with self._line(url).send("POST", url, None, json_data, seconds) as answer:
                return _response(answer, time.monotonic() + seconds)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise Unavailable(f"the Soroban RPC does not answer: {words_of(error)}") from error

    def get(
        self, url: str, params: dict[str, str] | None = None, max_content_size: int | None = None
    ) -> NoReturn:
        raise NotImplementedError("the Soroban RPC is asked by POST only")

    def stream(self, url: str, params: dict[str, str] | None = None) -> NoReturn:
        raise NotImplementedError("the Soroban RPC has no streams")

    def close(self) -> None:
        if line := getattr(self._local, "line", None):
            line.close()

    def _line(self, url: str) -> Line:
        if not hasattr(self._local, "line"):
            self._local.line = Line(url)
        line: Line = self._local.line
        return line


def _response(answer: requests.Response, deadline: float) -> Response:
    status = answer.status_code
    if status == _TOO_MANY:
        raise Throttled("the Soroban RPC is asked too often", status=status, retry_after=retry_after(answer))
    if status in (401, 403):
        raise Refused(
            f"the Soroban RPC does not let us in: check SOROBAN_RPC_URL (status {status})", status=status
        )
    if status != 200:
        raise Unavailable(f"the Soroban RPC answered {status}", status=status)
    text = content_of(answer, deadline, whose="the Soroban RPC's").decode("utf-8", errors="replace")
    return Response(status_code=status, text=_checked(text), headers=dict(answer.headers), url=answer.url)


def _checked(text: str) -> str:
    """A proxy's page is no answer; the SDK would take it apart in three different ways."""
    try:
        answer = json.loads(text)
    except ValueError as error:
        raise Unavailable(f"the Soroban RPC's answer is not JSON: {error}") from error
    if not isinstance(answer, dict) or not ({"result", "error"} & answer.keys()):
        raise Unavailable("the Soroban RPC's answer is no JSON-RPC")
    return text
