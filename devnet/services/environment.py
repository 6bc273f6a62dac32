"""The local stack's settings files: `env` for every process, `env.signer` for the signer. Private to their owner."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from config.env import SIGNER_ONLY

HEAD = "# Written by `make up`. Addresses of local services are renewed at each start; other lines are yours to edit.\n"


def read(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    return {name: value or "" for name, value in dotenv_values(file, interpolate=False).items()}


def renew(home: Path, addresses: Mapping[str, str], *, web_port: int) -> None:
    """Renew `addresses`, keep everything else that is there, and add what a first start needs."""
    for file, is_for_signer in ((home / "env", False), (home / "env.signer", True)):
        known = {} if is_for_signer else _first_values(web_port)
        known |= read(file)
        known |= {name: value for name, value in addresses.items() if (name in SIGNER_ONLY) is is_for_signer}
        _write(file, known)


def _first_values(web_port: int) -> dict[str, str]:
    return {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "METRICS_TOKEN": secrets.token_urlsafe(32),
        "PAYDATE_INSTANCE_ID": f"local-{secrets.token_hex(4)}",
        "HEDERA_NETWORK": "local",
        "WEB_ADDRESS": f"127.0.0.1:{web_port}",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "OTP_REQUIRED": "false",
        "LOG_FORMAT": "console",
        "CUSTODY_REQUESTS_PER_MINUTE": "0",
    }


def _write(file: Path, values: Mapping[str, str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f"{file.name}.new")
    fresh.touch(mode=0o600)
    fresh.write_text(HEAD + "".join(f"{name}={_quoted(value)}\n" for name, value in values.items()))
    os.replace(fresh, file)


def _quoted(value: str) -> str:
    """One line per value: a PEM's line breaks become a literal backslash-n, which the settings turn back."""
    flat = value.replace("\n", "\\n")
    return flat if "'" in flat else f"'{flat}'"
