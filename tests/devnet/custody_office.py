"""A DFNS on loopback with one service account, for tests of the custodian and of the server itself."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from contracts.custody.base import SignatureAnswer, WalletFacts
from contracts.custody.dfns import DfnsConfig, DfnsCustodian
from devnet.clock import Clock
from devnet.dfns.server import DfnsServer
from devnet.faults import FaultBoard

SCHEMES = ("ED25519", "SECP256K1")


def config_of(env: Mapping[str, str]) -> DfnsConfig:
    return DfnsConfig(
        token=SecretStr(env["DFNS_SERVICE_ACCOUNT_AUTHORIZATION_TOKEN"]),
        credential_id=SecretStr(env["DFNS_SERVICE_ACCOUNT_CREDENTIAL_ID"]),
        private_key=SecretStr(env["DFNS_SERVICE_ACCOUNT_PRIVATE_KEY_OR_PATH"]),
        app_origin=env["DFNS_APP_ORIGIN"],
        base_url=env["DFNS_BASE_URL"],
        timeout_seconds=5.0,
    )


class Office:
    """The server with its faults and clock, and the production custodian talking to it."""

    def __init__(self, directory: Path, scheme: str = "SECP256K1", **provision: str) -> None:
        self.directory = directory
        self.faults = FaultBoard()
        self.clock = Clock(directory)
        self.server = DfnsServer(directory, self.faults, self.clock)
        self.server.start()
        self.env = self.server.provision(scheme=scheme, **provision)
        self.custodian = self.custodian_with()
        self.wallet: WalletFacts = self.custodian.describe(self.env["DFNS_WALLET_ID"])
        self.server.forget_requests()

    def custodian_with(self, **changes: Any) -> DfnsCustodian:
        return DfnsCustodian(replace(config_of(self.env), **changes))

    def sign(self, body: bytes = b"body", external_id: str = "batch:1", **changes: Any) -> SignatureAnswer:
        custodian = self.custodian_with(**changes) if changes else self.custodian
        return custodian.sign(
            key_id=self.wallet.custody_key_id,
            scheme=self.wallet.scheme,
            body=body,
            external_id=external_id,
            network="hedera-local",
        )

    def fetch(self, reference: str) -> SignatureAnswer:
        return self.custodian.fetch(key_id=self.wallet.custody_key_id, reference=reference)

    def signatures_asked(self) -> int:
        return self.server.request_counts().get(f"POST /keys/{self.wallet.custody_key_id}/signatures", 0)

    def close(self) -> None:
        self.custodian.close()
        self.server.close()


@contextmanager
def office(directory: Path, scheme: str = "SECP256K1", **provision: str) -> Iterator[Office]:
    opened = Office(directory, scheme, **provision)
    try:
        yield opened
    finally:
        opened.close()
