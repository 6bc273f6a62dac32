"""All the ways in which a secret could stand somewhere without being seen at once."""

import html
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from urllib.parse import quote, quote_plus, unquote, urlsplit

SHORTEST = 12


def inner_parts(secret: str) -> Iterator[str]:
    """The secret itself, the password inside an address, the lines of a PEM."""
    yield secret
    if "-----BEGIN" in secret:
        yield from (
            line for line in secret.splitlines() if not line.startswith("-") and len(line) >= SHORTEST
        )
    elif "://" in secret and (password := urlsplit(secret).password):
        yield from (password, unquote(password))


def spellings(secret: str) -> frozenset[str]:
    texts = {text for part in inner_parts(secret) for text in _as_text(part)}
    assert all(len(text) >= SHORTEST for text in texts), "a secret this short is found everywhere"
    return frozenset(texts)


def _as_text(part: str) -> Iterator[str]:
    yield from (part, quote(part), quote(part, safe=""), quote_plus(part), html.escape(part))
    yield from (json.dumps(part)[1:-1], repr(part)[1:-1])
    yield from (part.encode().hex(), part.encode().hex().upper())
    for shift in range(3):
        yield from _as_base64(part.encode(), shift)


def _as_base64(part: bytes, shift: int) -> Iterator[str]:
    """What is the same wherever in a longer text it begins: the characters that only depend on this part."""
    first, end = -(-shift * 8 // 6), (shift + len(part)) * 8 // 6
    for encode in (b64encode, urlsafe_b64encode):
        yield encode(b"\0" * shift + part).decode()[first:end]
