"""What can go wrong when we speak to somebody else: custody, consensus node, mirror node.

    GatewayError             .text (the raw words of the other side)  .code  .status
    |-- Refused              final: the other side said no; asking the same again is useless
    |   |-- Conflict         the same request exists already              .duplicate_id
    |   `-- Reverted         a contract call or view reverted             .data
    |-- Unavailable          nothing was accepted; ask again later        .retry_after
    |   |-- Busy             the other side is up, and has no room now
    |   `-- Throttled        we ask too often
    `-- OutcomeUnknown       it may have been accepted: ask the chain before anything else

The class is the decision, so callers catch classes and never parse texts.
"""

from __future__ import annotations


class GatewayError(Exception):
    """Base of the tree; `code` is the other side's own name for it, `status` its HTTP or gRPC number."""

    def __init__(self, text: str, *, code: str | None = None, status: int | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.code = code
        self.status = status

    def __str__(self) -> str:
        marks = [f"{name}={value}" for name, value in (("code", self.code), ("status", self.status)) if value]
        return f"{self.text} ({', '.join(marks)})" if marks else self.text


class Refused(GatewayError):
    pass


class Conflict(Refused):
    def __init__(
        self, text: str, *, duplicate_id: str | None, code: str | None = None, status: int | None = 409
    ) -> None:
        super().__init__(text, code=code, status=status)
        self.duplicate_id = duplicate_id


class Reverted(Refused):
    """`data` is the revert data as the EVM returned it; empty when the contract gave none."""

    def __init__(self, text: str, *, data: bytes, code: str | None = None, status: int | None = None) -> None:
        super().__init__(text, code=code, status=status)
        self.data = data


class Unavailable(GatewayError):
    """`retry_after` is in seconds, and only set when the other side named it."""

    def __init__(
        self,
        text: str,
        *,
        code: str | None = None,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(text, code=code, status=status)
        self.retry_after = retry_after


class Busy(Unavailable):
    pass


class Throttled(Unavailable):
    pass


class OutcomeUnknown(GatewayError):
    pass
