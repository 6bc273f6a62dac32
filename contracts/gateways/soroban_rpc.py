"""The Soroban RPC itself: one question at a time, and its troubles in our own words."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from django.conf import settings
from pydantic import ValidationError
from stellar_sdk import SorobanServer
from stellar_sdk.exceptions import (
    AccountNotFoundException,
    BaseRequestError,
    SdkError,
    SorobanRpcErrorResponse,
)

from contracts.gateways.errors import Refused, Unavailable
from contracts.gateways.soroban_web import RpcClient
from contracts.gateways.web import words_of

# JSON-RPC: invalid request, unknown method, invalid parameters.
_OUR_MISTAKES = (-32600, -32601, -32602)
T = TypeVar("T")


def ask(question: Callable[[], T]) -> T:
    """One request. The SDK's own errors become ours: Unavailable, Refused, or the AccountNotFoundException."""
    try:
        return question()
    except SorobanRpcErrorResponse as error:
        raise _failure(error) from error
    except (ValidationError, AssertionError) as error:
        raise Unavailable(f"the Soroban RPC's answer is not what was asked: {error}") from error
    except AccountNotFoundException:
        raise
    except (BaseRequestError, SdkError) as error:
        raise Unavailable(f"the Soroban RPC does not answer: {words_of(error)}") from error


def _failure(error: SorobanRpcErrorResponse) -> Refused | Unavailable:
    """What is wrong with the question stays wrong; the node's own trouble, and a provider's limit, pass."""
    code = str(error.code)
    if error.code in _OUR_MISTAKES:
        return Refused(f"the Soroban RPC refused the question: {error.message}", code=code)
    return Unavailable(f"the Soroban RPC cannot answer now: {error.message}", code=code)


def server() -> SorobanServer:
    """The SDK's client of SOROBAN_RPC_URL. Raises Refused with code NOT_CONFIGURED when that is empty."""
    if not settings.SOROBAN_RPC_URL:
        raise Refused("SOROBAN_RPC_URL is empty: set it to the RPC of STELLAR_NETWORK", code="NOT_CONFIGURED")
    return _server_at(settings.SOROBAN_RPC_URL)


@lru_cache(maxsize=4)
def _server_at(url: str) -> SorobanServer:
    return SorobanServer(url, RpcClient())


def parsed(read: Callable[[], T]) -> T:
    """What ``read`` makes of somebody else's XDR. Raises Unavailable when it makes nothing of it."""
    try:
        return read()
    except Exception as error:  # XDR of a stranger fails in every way there is
        raise Unavailable(f"the Soroban RPC's XDR cannot be read: {error}") from error
