"""Refusals in DFNS's envelope."""

from typing import Any

from devnet.http import Answer, Halt


def error_answer(status: int, message: str, **details: Any) -> Answer:
    body: dict[str, Any] = {"message": message}
    if details:
        body["details"] = details
    return Answer(status, {"error": body})


def refusal(status: int, message: str, **details: Any) -> Halt:
    return Halt(error_answer(status, message, **details))
