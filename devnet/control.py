"""The control address of the devnet: what its owner may do, for the command line, the demo and the tests.

Loopback only, and guarded by a random token in the state directory (mode 0600), because another user of the
machine, or a web page in a browser, could reach the port.
"""

import dataclasses
import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devnet.artifacts import ArtifactError, artifact
from devnet.client import ACCESS_FILE
from devnet.execution import TOO_LATE
from devnet.faults import SWITCHES, UnknownFault
from devnet.http import Answer, JsonServer, Request, Route
from devnet.keys import ECDSA, ED25519
from devnet.operations import OperationFailed
from devnet.others.control import OthersControl
from devnet.records import NS, Account, timestamp
from devnet.scenario import Plan, prepare
from devnet.soroban.control import StellarControl

if TYPE_CHECKING:
    from devnet.runtime import Devnet

HEADER = "authorization"
_MISTAKES = (ArtifactError, OperationFailed, UnknownFault, ValueError, KeyError, TypeError)
_KEY_TYPES = {"ECDSA": ECDSA, "EdDSA": ED25519}


class ControlServer(OthersControl, StellarControl, JsonServer):
    """Every operation is POST /<name> with its arguments as a JSON object."""

    def __init__(self, devnet: "Devnet", *, port: int = 0) -> None:
        super().__init__([Route("POST", r"/(?P<name>[a-z_]+)", self._operate)], port=port)
        self._devnet = devnet
        self._token = secrets.token_urlsafe(32)
        self._operations: Mapping[str, Callable[..., Any]] = {
            name.removeprefix("do_"): getattr(self, name) for name in dir(self) if name.startswith("do_")
        }

    def start(self) -> None:
        super().start()
        write_private(self._file, json.dumps({"url": self.url, "token": self._token, "pid": os.getpid()}))

    def stop(self) -> None:
        super().stop()
        self._file.unlink(missing_ok=True)

    def before(self, request: Request) -> Answer | None:
        given = request.header(HEADER)
        if secrets.compare_digest(given, f"Bearer {self._token}"):
            return None
        return Answer(401, {"error": f"the token of {self._file} is missing or wrong"})

    @property
    def _file(self) -> Path:
        return self._devnet.state_dir / ACCESS_FILE

    def _operate(self, request: Request) -> Answer:
        operation = self._operations.get(request.params["name"])
        if operation is None:
            return Answer(404, {"error": f"no operation {request.params['name']!r}"})
        try:
            return Answer(200, operation(**(request.json() or {})))
        except _MISTAKES as error:
            return Answer(400, {"error": str(error) or type(error).__name__})

    # -- the network

    def do_status(self) -> dict[str, Any]:
        devnet = self._devnet
        block = devnet.ledger.newest_block()
        return {
            "pid": os.getpid(),
            "state_dir": str(devnet.state_dir),
            "nodes": devnet.nodes.addresses(),
            "mirror": devnet.mirror.url,
            "soroban": devnet.soroban.url,
            "stellar": devnet.stellar_operations.status(),
            "custody": devnet.dfns.url,
            "control": self.url,
            "chain_time": timestamp(devnet.chain.now_ns()),
            "offset_seconds": devnet.clock.offset_ns() // NS,
            "blocks": block.number + 1 if block else 0,
            "faults": [dataclasses.asdict(fault) for fault in devnet.faults.active()],
        }

    def do_env(self) -> dict[str, str]:
        return self._devnet.env()

    def do_advance(self, seconds: int) -> dict[str, Any]:
        offset = self._devnet.clock.advance(seconds)
        self._devnet.chain.close_block()
        return {"offset_seconds": offset // NS, "chain_time": timestamp(self._devnet.chain.now_ns())}

    def do_close_block(self) -> dict[str, Any]:
        self._devnet.chain.close_block()
        return self.do_status()

    def do_executed(self, transaction_ids: list[str]) -> dict[str, list[str]]:
        """Which of these ran on chain, whatever a mirror shows; what came too late has a record and never ran."""
        records = {one: self._devnet.ledger.by_id(one) for one in transaction_ids}
        ran = [one for one, known in records.items() if any(it.result != TOO_LATE for it in known)]
        return {"executed": ran}

    # -- faults

    def do_fault(
        self,
        name: str,
        params: Mapping[str, Any] | None = None,
        count: int | None = None,
        probability: float = 1.0,
        match: str = "",
    ) -> dict[str, Any]:
        fault = self._devnet.faults.set(name, params, count=count, probability=probability, match=match)
        return dataclasses.asdict(fault)

    def do_clear(self, name: str | None = None) -> dict[str, int]:
        return {"cleared": self._devnet.faults.clear(name)}

    def do_faults(self) -> dict[str, Any]:
        active = [dataclasses.asdict(fault) for fault in self._devnet.faults.active()]
        return {"active": active, "switches": dict(SWITCHES)}

    # -- accounts, contracts, tokens

    def do_create_account(
        self, public_key: str, key_type: str | None = None, hbar: int = 1_000, memo: str = ""
    ) -> dict[str, Any]:
        account = self._devnet.operations.create_account(public_key, key_type, hbar=hbar, memo=memo)
        return dataclasses.asdict(account)

    def do_add_accounts(self, addresses: list[str]) -> list[dict[str, Any]]:
        return [dataclasses.asdict(account) for account in self._devnet.operations.add_accounts(addresses)]

    def do_account(self, account: str) -> dict[str, Any]:
        found = self._devnet.ledger.account(account)
        if found is None:
            raise OperationFailed(f"there is no account {account}")
        return {**dataclasses.asdict(found), "tinybars": self._devnet.ledger.balance(found.account)}

    def do_send_hbar(self, account: str, tinybars: int) -> dict[str, Any]:
        record = self._devnet.operations.send_hbar(account, tinybars)
        return {"transaction_id": record.transaction_id, "result": record.result}

    def do_deploy(
        self, contract: str, arguments: list[Any] | None = None, token: str | None = None
    ) -> dict[str, str]:
        operations = self._devnet.operations
        made = operations.deploy(artifact(contract), arguments or ())
        if token:
            operations.register_token(made.contract_id, token)
        return {"contract_id": made.contract_id, "evm_address": made.evm_address, "name": made.name}

    def do_call(
        self, contract: str, function: str, arguments: list[Any] | None = None, sender: str | None = None
    ) -> dict[str, Any]:
        return {"output": self._devnet.operations.call(contract, function, arguments or (), **_from(sender))}

    def do_view(
        self, contract: str, function: str, arguments: list[Any] | None = None, sender: str | None = None
    ) -> dict[str, Any]:
        return {"output": self._devnet.operations.view(contract, function, arguments or (), **_from(sender))}

    def do_balances(self, token: str, addresses: list[str]) -> dict[str, int]:
        calls = [[address] for address in addresses]
        answers = self._devnet.operations.view_many(token, "balanceOf", calls)
        return {address: answer[0] for address, answer in zip(addresses, answers, strict=True)}

    def do_pause(self, contract: str, is_paused: bool = True) -> dict[str, Any]:
        """A payment token has one switch, the other contracts have two functions."""
        operations = self._devnet.operations
        names = {entry.get("name") for entry in operations.artifact_of(operations.contract(contract)).abi}
        if "setPaused" in names:
            return self.do_call(contract, "setPaused", [is_paused])
        return self.do_call(contract, "pause" if is_paused else "unpause")

    def do_mark_hts_like(self, token: str, is_hts_like: bool = True) -> dict[str, Any]:
        return dataclasses.asdict(self._devnet.operations.mark_hts_like(token, is_hts_like))

    # -- custody and scenarios

    def do_wallet(
        self, name: str = "paydate", scheme: str = "SECP256K1", hbar: int = 1_000
    ) -> dict[str, str]:
        """A custody wallet whose key has an account on chain; made at the first call."""
        wallet = self._devnet.dfns.add_wallet(name, scheme=scheme)
        account = self._attach(wallet, hbar)
        return {"wallet_id": wallet["id"], "account": account.account, "evm_address": account.evm_address}

    def do_approve(self, signature: str = "all") -> dict[str, list[str]]:
        return {"approved": self._devnet.dfns.approve(signature)}

    def do_reject(
        self, signature: str = "all", reason: str = "rejected by an approver"
    ) -> dict[str, list[str]]:
        return {"rejected": self._devnet.dfns.reject(signature, reason)}

    def do_pending(self) -> list[dict[str, Any]]:
        return self._devnet.dfns.pending()

    def do_custody_requests(self, forget: bool = False) -> list[dict[str, str]]:
        """What custody was asked, oldest first; with `forget` the list begins anew."""
        asked = self._devnet.dfns.requests()
        if forget:
            self._devnet.dfns.forget_requests()
        return asked

    def do_custody_traffic(self, forget: bool = False) -> dict[str, Any]:
        """How often and when custody was asked, and how often the rate limit refused."""
        traffic = self._devnet.dfns.traffic()
        if forget:
            self._devnet.dfns.forget_requests()
        return traffic

    def do_prepare(
        self,
        wallet: str = "paydate",
        scheme: str = "SECP256K1",
        public_key: str | None = None,
        hbar: int = 1_000,
        **plan: Any,
    ) -> dict[str, Any]:
        """For the custody wallet of this name, or for any public key."""
        operations, now = self._devnet.operations, self._devnet.chain.now_ns
        wanted = Plan(**plan)
        if public_key:
            payer = operations.create_account(public_key, hbar=hbar)
        else:
            payer = self._attach(self._devnet.dfns.add_wallet(wallet, scheme=scheme), hbar)
        made = prepare(operations, wanted, payer, lambda: now() // NS)
        self._devnet.chain.close_block()
        return made

    def _attach(self, wallet: Mapping[str, Any], hbar: int) -> Account:
        key = wallet["signingKey"]
        account = self._devnet.operations.create_account(
            key["publicKey"], _KEY_TYPES[key["scheme"]], hbar=hbar
        )
        self._devnet.dfns.set_address(wallet["id"], account.account)
        return account


def write_private(path: Path, text: str) -> None:
    """Never readable by others, not even while it is written."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def _from(sender: str | None) -> dict[str, str]:
    return {"sender": sender} if sender else {}
