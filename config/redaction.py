"""Keeps secrets out of what is logged: by the name of a key, and by the known values of this process."""

import html
import json
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote, urlsplit

from pydantic import SecretStr

MASK = "[redacted]"
SHORTEST = 6
SECRET_KEY_NAME = re.compile(
    r"secret|token|passw|private_?key|authorization|credential|api_?key|cookie|dsn|(database|redis|email)_url",
    re.IGNORECASE,
)
# Ends in one of the words above but names a thing on chain.
PUBLIC_KEY_NAMES = frozenset({"token", "token_id", "payment_token", "asset_token"})


def known_values(settings: Mapping[str, object]) -> frozenset[str]:
    """Every text that must not be seen: the secrets, the passwords inside addresses, and their usual spellings."""
    secrets = [value.get_secret_value() for value in settings.values() if isinstance(value, SecretStr)]
    parts = [part for secret in secrets for part in (secret, *_inner_parts(secret))]
    spelled = {spelling for part in parts for spelling in _spellings(part)}
    return frozenset(text for text in spelled if len(text) >= SHORTEST)


def _inner_parts(secret: str) -> Iterable[str]:
    if "-----BEGIN" in secret:
        return [line for line in secret.splitlines() if line and not line.startswith("-----")]
    password = urlsplit(secret).password if "://" in secret else None
    return [password, unquote(password)] if password else []


def _spellings(text: str) -> Iterable[str]:
    return text, json.dumps(text)[1:-1], repr(text)[1:-1], quote(text, safe=""), html.escape(text)


class Redactor:
    """A structlog processor, to stand after exceptions were formatted and before the line is rendered."""

    def __init__(self, values: Iterable[str]) -> None:
        longest_first = sorted(values, key=len, reverse=True)
        self._values = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, logger: object, method: str, event: dict[str, object]) -> dict[str, object]:
        return {key: self._of_key(key, value) for key, value in event.items()}

    def text(self, text: str) -> str:
        return self._values.sub(MASK, text) if self._values else text

    def _of_key(self, key: object, value: object) -> object:
        is_secret = isinstance(key, str) and key not in PUBLIC_KEY_NAMES and SECRET_KEY_NAME.search(key)
        return MASK if is_secret and value else self._clean(value)

    def _clean(self, value: object) -> object:
        """Containers keep their shape; what is no plain value is cleaned as the text it would be logged as."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping):
            return {key: self._of_key(key, item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean(item) for item in value]
        return self.text(value if isinstance(value, str) else repr(value))
