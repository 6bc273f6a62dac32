"""The devnet's operations as methods, over its control address."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self, cast

from devnet.clock import default_directory
from devnet.others.client import OthersCalls
from devnet.soroban.client import StellarCalls

ACCESS_FILE = "control.json"
TIMEOUT_SECONDS = 60
# 100,000 holders take about ten seconds of computing, on a busy machine some times that.
PREPARE_SECONDS = 600
# Loopback must never go through a proxy named in the environment.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class DevnetError(RuntimeError):
    """The devnet refused; the text is its reason."""


class NotRunning(DevnetError):
    """Nothing serves this state directory."""


class DevnetClient(OthersCalls, StellarCalls):
    """Ids may be 0.0.x or EVM addresses everywhere, also inside arguments."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token

    @classmethod
    def of(cls, state_dir: Path | None = None) -> Self:
        """The client of the devnet that runs in this directory; raises NotRunning."""
        directory = state_dir or default_directory()
        try:
            access = json.loads((directory / ACCESS_FILE).read_text())
        except FileNotFoundError:
            raise NotRunning(f"the devnet of {directory} is not running; start it with `make up`") from None
        return cls(access["url"], access["token"])

    # -- the network

    def status(self) -> dict[str, Any]:
        return cast(dict[str, Any], self._ask("status"))

    def env(self) -> dict[str, str]:
        """Settings for Paydate, the custody secrets included."""
        return cast(dict[str, str], self._ask("env"))

    def advance(self, seconds: int) -> dict[str, Any]:
        """Moves chain and Paydate forward together and closes the open block."""
        return cast(dict[str, Any], self._ask("advance", seconds=seconds))

    def close_block(self) -> None:
        """Makes everything up to now visible to mirrors without lag."""
        self._ask("close_block")

    def executed(self, transaction_ids: Sequence[str]) -> list[str]:
        """Which of these (0.0.x-seconds-nanoseconds) ran on chain, whatever a mirror shows."""
        answer = self._ask("executed", transaction_ids=list(transaction_ids))
        return cast(list[str], answer["executed"])

    # -- faults

    def fault(
        self,
        name: str,
        params: Mapping[str, Any] | None = None,
        *,
        count: int | None = None,
        probability: float = 1.0,
        match: str = "",
    ) -> dict[str, Any]:
        answer = self._ask(
            "fault", name=name, params=dict(params or {}), count=count, probability=probability, match=match
        )
        return cast(dict[str, Any], answer)

    def clear(self, name: str | None = None) -> int:
        """Turns one switch off, or all; returns how many were on."""
        return int(self._ask("clear", name=name)["cleared"])

    def faults(self) -> list[dict[str, Any]]:
        return cast(list[dict[str, Any]], self._ask("faults")["active"])

    def switches(self) -> dict[str, str]:
        return cast(dict[str, str], self._ask("faults")["switches"])

    def latency(self, part: str, milliseconds: int) -> None:
        """`part` is custody, consensus, mirror, soroban, or network for all answers; 0 turns it off."""
        if milliseconds:
            self.fault(f"{part}.latency_ms", {"ms": milliseconds})
        else:
            self.clear(f"{part}.latency_ms")

    # -- accounts

    def create_account(
        self, public_key: str, *, key_type: str | None = None, hbar: int = 1_000
    ) -> dict[str, Any]:
        answer = self._ask("create_account", public_key=public_key, key_type=key_type, hbar=hbar)
        return cast(dict[str, Any], answer)

    def add_accounts(self, addresses: Sequence[str]) -> list[dict[str, Any]]:
        return cast(list[dict[str, Any]], self._ask("add_accounts", addresses=list(addresses)))

    def account(self, account: str) -> dict[str, Any]:
        """Key, EVM address and `tinybars`."""
        return cast(dict[str, Any], self._ask("account", account=account))

    def send_hbar(self, account: str, tinybars: int) -> dict[str, Any]:
        """From the treasury; a negative amount takes from the account."""
        return cast(dict[str, Any], self._ask("send_hbar", account=account, tinybars=tinybars))

    # -- contracts

    def deploy(
        self, contract: str, arguments: Sequence[Any] = (), *, token: str | None = None
    ) -> dict[str, str]:
        """By name (AssetToken, ...) or path of a compiled JSON; `token` lists it as PAYMENT or ASSET."""
        answer = self._ask("deploy", contract=contract, arguments=list(arguments), token=token)
        return cast(dict[str, str], answer)

    def call(
        self, contract: str, function: str, arguments: Sequence[Any] = (), *, sender: str | None = None
    ) -> list[Any]:
        """A transaction, by the contracts' owner unless `sender` is given; returns the decoded output."""
        answer = self._ask(
            "call", contract=contract, function=function, arguments=list(arguments), sender=sender
        )
        return cast(list[Any], answer["output"])

    def view(
        self, contract: str, function: str, arguments: Sequence[Any] = (), *, sender: str | None = None
    ) -> list[Any]:
        answer = self._ask(
            "view", contract=contract, function=function, arguments=list(arguments), sender=sender
        )
        return cast(list[Any], answer["output"])

    # -- tokens

    def mint(self, token: str, to: str, units: int) -> None:
        self.call(token, "mint", [to, units])

    def fund(self, token: str, to: str, units: int) -> None:
        """Mints payment tokens, after associating the receiver."""
        self.associate(token, [to])
        self.mint(token, to, units)

    def associate(self, token: str, accounts: Sequence[str]) -> None:
        self.call(token, "associateMany", [list(accounts)])

    def dissociate(self, token: str, account: str) -> None:
        self.call(token, "dissociate", [account])

    def freeze(self, token: str, account: str) -> None:
        self.call(token, "setFrozen", [account, True])

    def unfreeze(self, token: str, account: str) -> None:
        self.call(token, "setFrozen", [account, False])

    def set_kyc(self, token: str, account: str, has_kyc: bool) -> None:
        self.call(token, "setKyc", [account, has_kyc])

    def set_kyc_required(self, token: str, is_required: bool) -> None:
        self.call(token, "setKycRequired", [is_required])

    def pause(self, contract: str) -> None:
        """An asset, a payment token or a payout contract."""
        self._ask("pause", contract=contract, is_paused=True)

    def unpause(self, contract: str) -> None:
        self._ask("pause", contract=contract, is_paused=False)

    def balance(self, token: str, account: str) -> int:
        return next(iter(self.balances(token, [account]).values()))

    def balances(self, token: str, addresses: Sequence[str]) -> dict[str, int]:
        """Units by address, read from the newest state in one request."""
        return cast(dict[str, int], self._ask("balances", token=token, addresses=list(addresses)))

    def mark_hts_like(self, token: str, is_hts_like: bool = True) -> None:
        """Turns the cap of 50 child records on for payouts in this token."""
        self._ask("mark_hts_like", token=token, is_hts_like=is_hts_like)

    # -- custody and scenarios

    def wallet(
        self, name: str = "paydate", *, scheme: str = "SECP256K1", hbar: int = 1_000
    ) -> dict[str, str]:
        """The custody wallet of this name with its account on chain, made at the first call."""
        return cast(dict[str, str], self._ask("wallet", name=name, scheme=scheme, hbar=hbar))

    def approve(self, signature: str = "all") -> list[str]:
        return cast(list[str], self._ask("approve", signature=signature)["approved"])

    def reject(self, signature: str = "all", reason: str = "rejected by an approver") -> list[str]:
        return cast(list[str], self._ask("reject", signature=signature, reason=reason)["rejected"])

    def pending(self) -> list[dict[str, Any]]:
        """Custody signatures that wait for an approval."""
        return cast(list[dict[str, Any]], self._ask("pending"))

    def custody_requests(self, *, forget: bool = False) -> list[dict[str, str]]:
        """What custody was asked: method, path, external_id; with `forget` the list begins anew."""
        return cast(list[dict[str, str]], self._ask("custody_requests", forget=forget))

    def custody_traffic(self, *, forget: bool = False) -> dict[str, Any]:
        """`requests`, `refused`, `most_in_a_minute` and `times` (of time.monotonic) since the last forget."""
        return cast(dict[str, Any], self._ask("custody_traffic", forget=forget))

    def prepare(self, **plan: Any) -> dict[str, Any]:
        """A payer with asset, payment token and funded payout contract, as ids and addresses.

        Arguments as in scenario.Plan; besides, the payer: `wallet` (a custody wallet's name, default paydate)
        with `scheme`, or `public_key`; and `hbar`.
        """
        return cast(dict[str, Any], self._ask("prepare", timeout=PREPARE_SECONDS, **plan))

    def _ask(self, operation: str, *, timeout: float = TIMEOUT_SECONDS, **arguments: Any) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the address comes from our own state directory
            f"{self._url}/{operation}",
            data=json.dumps(arguments).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        try:
            with _opener.open(request, timeout=timeout) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise DevnetError(_reason(error)) from None
        except OSError as error:
            raise NotRunning(
                f"the devnet at {self._url} does not answer ({error}); start it with `make up`"
            ) from None


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["error"])
    except (ValueError, KeyError):
        return f"HTTP {error.code}"
