"""What the owner of the devnet may do when the real host runs it: the same operations, by signed transactions.

The contracts are Paydate's own, in their compiled form. What bends the network's rules, or a contract's storage, is
the model's alone and refused here.
"""

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from stellar_sdk import StrKey, scval, xdr

from devnet.hosted.caller import Caller
from devnet.hosted.keyring import Keyring, Seed
from devnet.hosted.process import ROOT, HostError, HostProcess
from devnet.operations import OperationFailed
from devnet.soroban import codec
from devnet.soroban.books import investment_key
from devnet.soroban.calls import InvestmentCalls, plain, values_of
from devnet.soroban.codec import STROOPS
from devnet.soroban.params import InvestmentParams

COMPILED = ROOT / "contracts" / "interfaces" / "soroban"
HORIZON_SECONDS = 7 * 86_400
NAME, SYMBOL, URI = "Paydate investment", "PDI", "https://example.org/investment/"


class HostOperations(InvestmentCalls):
    def __init__(self, host: HostProcess, directory: Path, custody: Seed) -> None:
        self._host = host
        self._keys = Keyring(directory / "soroban-host" / "keys.json", custody)
        self._caller = Caller(host, self._keys)

    # -- the network

    def status(self) -> dict[str, Any]:
        return dict(self._host.ask("devnet_status"))

    def close_ledgers(self, count: int = 1) -> dict[str, Any]:
        return dict(self._host.ask("devnet_closeLedgers", count=count))

    # -- accounts and tokens

    def fund(self, account: str, xlm: int = 10_000) -> dict[str, Any]:
        if not StrKey.is_valid_ed25519_public_key(account):
            raise OperationFailed(f"not an account: {account}")
        self._host.ask("devnet_fund", account=account, stroops=xlm * STROOPS)
        return self.account(account)

    def make_sure(self, account: str, xlm: int = 10_000) -> None:
        """Funds the account unless it exists."""
        if self._entry(codec.account_key(account)) is None:
            self.fund(account, xlm)

    def account(self, account: str) -> dict[str, Any]:
        entry = self._entry(codec.account_key(account))
        if entry is None:
            raise OperationFailed(f"there is no account {account}")
        state = codec.account_state(entry["xdr"])
        return {"account": account, "stroops": state.stroops, "sequence": state.sequence}

    def create_token(self, *, name: str = "USD Coin", symbol: str = "USDC", decimals: int = 7) -> str:
        arguments = [
            scval.to_address(self._keys.bank.public_key),
            scval.to_uint32(decimals),
            scval.to_string(name),
            scval.to_string(symbol),
        ]
        return self._create("token", arguments)

    def create_investment(
        self, *, owner: str, token: str = "", project: str = "", version: int = 2, **params: Any
    ) -> dict[str, str]:
        """Of version 2; `params` as InvestmentParams. Owner, token and project exist afterwards."""
        if version != 2:
            raise OperationFailed("the real host has no code of the deployed family; leave the version out")
        wanted = InvestmentParams(**params)
        money = token or self.create_token()
        receiver = project or self.new_account()
        if owner.startswith("G"):
            self.make_sure(owner)
        places = [scval.to_address(one) for one in (owner, receiver, money)]
        words = [scval.to_string(one) for one in (URI, NAME, SYMBOL)]
        contract = self._create("investment", [*places, *words, _terms(wanted)])
        return {"contract": contract, "token": money, "project": receiver, "owner": owner}

    def create_investments(self, *, owner: str, count: int, **params: Any) -> dict[str, Any]:
        """As `create_investment`, many of one token; `contracts` has their ids."""
        first = self.create_investment(owner=owner, **params)
        same = {"owner": owner, "token": first["token"], "project": first["project"], **params}
        rest = [self.create_investment(**same)["contract"] for _ in range(count - 1)]
        return {**first, "contracts": [first["contract"], *rest]}

    # -- calls

    def call(
        self, contract: str, function: str, arguments: Sequence[Any] = (), *, seconds_ago: int = 0
    ) -> Any:
        """Runs a function in a transaction of the bank; whose word it needs signs, if the devnet has the key."""
        if seconds_ago:
            _refuse("nobody can act in the past; give block days, or advance the clock")
        return plain(self._caller.call(contract, function, values_of(function, arguments)))

    def archive(self, contract: str, entry: str = "instance", ledgers: int = -1) -> int:
        """Lets an entry end so many ledgers from now, by default before now; its last ledger.

        `entry` is `instance`, `code`, or the number of an investment.
        """
        until = int(self.status()["ledger"]) + ledgers
        try:
            self._host.ask("devnet_setEntryTtl", key=self._key(contract, entry), liveUntilLedger=until)
        except HostError as error:
            raise OperationFailed(f"there is no entry {entry} of {contract}: {error}") from error
        return until

    def info(self, contract: str) -> dict[str, Any]:
        """Storage of an investment contract as JSON, its last ledger, and what it would answer now."""
        entry = self._instance(contract)
        _, storage = codec.instance_parts(codec.data_value(entry["xdr"]))
        state = {name: plain(value) for name, value in storage.items()}
        if "ContractBalances" not in state:
            raise OperationFailed(f"{contract} is not an investment contract")
        status = self._caller.ask(contract, "get_reserve_status", [scval.to_uint64(HORIZON_SECONDS)])
        return {
            "owner": state["Owner"],
            "paused": state["Paused"],
            "data": state["ContractData"],
            "balances": state["ContractBalances"],
            "claims": {},
            "required": status["missing"],
            "answer": None,
            "live_until": entry.get("liveUntilLedgerSeq"),
            "ledger": self.status()["ledger"],
        }

    # -- the model's alone

    def set_answer(self, contract: str, units: int | None) -> NoReturn:
        _refuse("what check_reserve_balance answers cannot be laid down")

    def set_books(self, contract: str, wanted: Mapping[str, int]) -> NoReturn:
        _refuse("books change by calls only")

    def set_state(self, contract: str, state: int) -> NoReturn:
        _refuse("the state changes by calls only")

    # -- inside

    def _create(self, name: str, arguments: Sequence[xdr.SCVal]) -> str:
        code = (COMPILED / f"{name}.wasm").read_bytes()
        known = self._entry(codec.code_key(codec.code_hash(code)))
        if known is None or known["liveUntilLedgerSeq"] < self.status()["ledger"]:
            self._caller.upload(code)
        return self._caller.create(codec.code_hash(code), arguments, secrets.token_bytes(32))

    def new_account(self) -> str:
        account = self._keys.new().public_key
        self.make_sure(account)
        return account

    def _entry(self, key: str) -> dict[str, Any] | None:
        entries = self._host.ask("getLedgerEntries", keys=[key])["entries"]
        return dict(entries[0]) if entries else None

    def _instance(self, contract: str) -> dict[str, Any]:
        is_contract = StrKey.is_valid_contract(contract)
        entry = self._entry(codec.instance_key(contract)) if is_contract else None
        if entry is None:
            raise OperationFailed(f"there is no contract {contract}")
        return entry

    def _key(self, contract: str, entry: str) -> str:
        if entry == "instance":
            return codec.instance_key(contract)
        if entry == "code":
            value = codec.data_value(self._instance(contract)["xdr"])
            return codec.code_key(codec.instance_parts(value)[0])
        return codec.data_key(contract, investment_key(int(entry)))


def _terms(wanted: InvestmentParams) -> xdr.SCVal:
    return scval.to_struct(
        {
            "claim_block_days": scval.to_uint64(wanted.claim_block_days),
            "goal": scval.to_int128(wanted.goal),
            "i_rate": scval.to_uint32(wanted.i_rate),
            "min_per_investment": scval.to_int128(wanted.min_per_investment),
            "return_months": scval.to_uint32(wanted.return_months),
            "return_type": scval.to_uint32(wanted.return_type),
        }
    )


def _refuse(words: str) -> NoReturn:
    raise OperationFailed(f"{words}: this is the real host, and only the model of it (make up) can do that")
