"""Types of single settings. Their errors say what to write and never quote what was written."""

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from config.cron import parse_cron

PAYMENT_NODE = re.compile(r"\d+\.\d+\.\d+=[^\s,=]+:\d{1,5}")
ACCOUNT = re.compile(r"\d+\.\d+\.\d+")
INSTANCE = re.compile(r"[a-z0-9][a-z0-9-]{0,15}")
DATABASE_SCHEMES = ("postgres", "postgresql", "postgis")


def _split(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _parts(text: str) -> SplitResult:
    """An address taken apart; what urllib says about a bad one could quote a password."""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - read, because only then it is looked at
    except ValueError:
        raise ValueError(
            "percent-encode special characters of the password, for example / as %2F, # as %23, @ as %40"
        ) from None
    return parts


def _web_address(text: str) -> str:
    parts = _parts(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("write a whole address that begins with http:// or https://")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("leave out user, password, query and fragment")
    return text.rstrip("/")


def _database(secret: SecretStr) -> SecretStr:
    parts = _parts(secret.get_secret_value())
    if parts.scheme not in DATABASE_SCHEMES:
        raise ValueError(
            "Paydate runs on PostgreSQL 15 to 18 only, because other engines round large amounts; "
            "write postgresql://user:password@host:5432/name"
        )
    if not parts.path.strip("/"):
        raise ValueError("the database name is missing; write postgresql://user:password@host:5432/name")
    return secret


def _redis(secret: SecretStr) -> SecretStr:
    if _parts(secret.get_secret_value()).scheme not in ("redis", "rediss", "unix"):
        raise ValueError("write redis://:password@host:6379/0, or rediss:// for TLS")
    return secret


def _mail_server(secret: SecretStr) -> SecretStr:
    parts = _parts(secret.get_secret_value())
    if parts.scheme not in ("smtp", "smtps", "smtp+tls") or not parts.hostname:
        raise ValueError("write smtp+tls://user:password@host:587, smtps://… or smtp://…")
    return secret


def _secret_key(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if len(text) < 50 or len(set(text)) < 5 or text.startswith("django-insecure-"):
        raise ValueError("write at least 50 random characters")
    return secret


def _token(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if len(text) < 20 or not text.isascii() or any(character.isspace() for character in text):
        raise ValueError("write at least 20 random characters without spaces")
    return secret


def _private_key(secret: SecretStr) -> SecretStr:
    """The PEM text itself, whether it was given inline, with literal backslash-n, or as a path."""
    text = secret.get_secret_value()
    if "-----BEGIN" in text:
        return SecretStr(text.replace("\\n", "\n"))
    try:
        pem = Path(text).read_text()
    except (OSError, ValueError) as error:
        raise ValueError("write the PEM text, or the path of a file that this process can read") from error
    if "-----BEGIN" not in pem:
        raise ValueError("the file it names holds no PEM text")
    return SecretStr(pem)


def _nodes(text: str) -> str:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(PAYMENT_NODE.fullmatch(part) for part in parts):
        raise ValueError("write account=host:port pairs with commas between them")
    return ",".join(parts)


def _account(text: str) -> str:
    if not ACCOUNT.fullmatch(text):
        raise ValueError("write an account like 0.0.1234")
    return text


def _instance(text: str) -> str:
    if not INSTANCE.fullmatch(text):
        raise ValueError("write 1 to 16 lower-case letters, digits or hyphens")
    return text


def _cron(text: str) -> str:
    parse_cron(text)
    return text


Words = Annotated[list[str], NoDecode, BeforeValidator(_split)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
DatabaseAddress = Annotated[SecretStr, AfterValidator(_database)]
RedisAddress = Annotated[SecretStr, AfterValidator(_redis)]
MailServer = Annotated[SecretStr, AfterValidator(_mail_server)]
SecretKey = Annotated[SecretStr, AfterValidator(_secret_key)]
Token = Annotated[SecretStr, AfterValidator(_token)]
PrivateKey = Annotated[SecretStr, AfterValidator(_private_key)]
Nodes = Annotated[str, AfterValidator(_nodes)]
Account = Annotated[str, AfterValidator(_account)]
Instance = Annotated[str, AfterValidator(_instance)]
Cron = Annotated[str, AfterValidator(_cron)]
