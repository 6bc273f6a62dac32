"""Refusals of the mirror, in the official server's shape and wording."""

from collections.abc import Sequence
from typing import Any

from devnet.http import Answer

NOT_FOUND = "Not found"


class Refusal(Exception):
    """One 4xx answer of the REST API; each message becomes one entry of `_status.messages`."""

    def __init__(self, *messages: str, status: int = 400) -> None:
        super().__init__("; ".join(messages))
        self.status = status
        self.messages: tuple[dict[str, Any], ...] = tuple({"message": text} for text in messages)

    def answer(self) -> Answer:
        return Answer(self.status, status_body(self.messages))


class CallRefusal(Refusal):
    """A refusal of contracts/call, which names a detail and the revert data too."""

    def __init__(self, message: str, *, detail: str = "", data: str = "", status: int = 400) -> None:
        super().__init__(message, status=status)
        self.messages = ({"message": message, "detail": detail, "data": data},)


def invalid(*names: str) -> Refusal:
    return Refusal(*(f"Invalid parameter: {name}" for name in names))


def not_found() -> Refusal:
    return Refusal(NOT_FOUND, status=404)


def status_body(messages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"_status": {"messages": list(messages)}}
