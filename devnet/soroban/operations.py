"""What the owner of the local Stellar network may do: accounts, tokens, investment contracts, and time.

Each one runs in a ledger of its own that closes at once. Nobody's authorisation is asked.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from stellar_sdk import Keypair, StrKey, xdr

from devnet.operations import OperationFailed
from devnet.soroban import books, codec, compiled, creating, exact, exact_terms, investment, terms, token
from devnet.soroban.calls import InvestmentCalls, native, plain, values_of
from devnet.soroban.codec import STROOPS, AccountState, Entry
from devnet.soroban.host import Contract, Host, Moment, Trap
from devnet.soroban.network import INSTANCE_LEDGERS, Network
from devnet.soroban.params import InvestmentParams

Act = Callable[[Host], Any]


class SorobanOperations(InvestmentCalls):
    def __init__(self, network: Network) -> None:
        self._network = network

    # -- the network

    def status(self) -> dict[str, Any]:
        with self._network.current() as latest:
            return {
                "ledger": latest.sequence,
                "closed": latest.closed,
                "waiting": len(self._network.store.waiting()),
            }

    def close_ledgers(self, count: int = 1) -> dict[str, Any]:
        for _ in range(count):
            self._network.close_ledger()
        return self.status()

    # -- accounts and tokens

    def fund(self, account: str, xlm: int = 10_000) -> dict[str, Any]:
        """Makes the account, or gives it more; `account` is a G... address."""
        if not StrKey.is_valid_ed25519_public_key(account):
            raise OperationFailed(f"not an account: {account}")

        def act(moment: Moment) -> AccountState:
            known = self._network.account(account, moment.ledger)
            state = known or AccountState(account, 0, moment.ledger << 32)
            richer = AccountState(account, state.stroops + xlm * STROOPS, state.sequence)
            self._network.write_account(richer, moment.ledger)
            return richer

        state = self._network.change(act)
        return {"account": account, "stroops": state.stroops, "sequence": state.sequence}

    def make_sure(self, account: str, xlm: int = 10_000) -> None:
        """Funds the account unless it exists."""
        with self._network.current() as latest:
            known = self._network.account(account, latest.sequence)
        if known is None:
            self.fund(account, xlm)

    def account(self, account: str) -> dict[str, Any]:
        with self._network.current() as latest:
            state = self._network.account(account, latest.sequence)
        if state is None:
            raise OperationFailed(f"there is no account {account}")
        return {"account": account, "stroops": state.stroops, "sequence": state.sequence}

    def create_token(self, *, name: str = "USD Coin", symbol: str = "USDC", decimals: int = 7) -> str:
        """The new token's contract id."""
        storage = token.storage(name, symbol, decimals)
        return self._create(token.CODE, storage)

    def create_investment(
        self, *, owner: str, token: str = "", project: str = "", version: int = 1, **params: Any
    ) -> dict[str, str]:
        """A contract of this owner; `params` as InvestmentParams. Owner, token and project exist afterwards.

        Version 1 is the deployed family, 2 Paydate's own contract.
        """
        if version not in (1, exact.VERSION):
            raise OperationFailed(f"there is no version {version} of the investment contract")
        wanted = InvestmentParams(**params)
        money = token or self.create_token()
        receiver = project or Keypair.random().public_key
        if owner.startswith("G"):
            self.make_sure(owner)
        if version == exact.VERSION:
            contract = self._make_exact(owner, receiver, money, wanted)
        else:
            contract = self._create(investment.CODE, books.storage(owner, wanted.data(money, receiver)))
        return {"contract": contract, "token": money, "project": receiver, "owner": owner}

    def create_investments(self, *, owner: str, count: int, **params: Any) -> dict[str, Any]:
        """As `create_investment`, many of one token in one ledger; `contracts` has their ids."""
        money, receiver = self.create_token(), Keypair.random().public_key
        self.make_sure(owner)
        storage = books.storage(owner, InvestmentParams(**params).data(money, receiver))
        contracts = self._create_many(investment.CODE, storage, count)
        return {"contracts": contracts, "token": money, "project": receiver, "owner": owner}

    # -- calls

    def call(
        self, contract: str, function: str, arguments: Sequence[Any] = (), *, seconds_ago: int = 0
    ) -> Any:
        """Runs a function without asking for authorisation; its value as JSON. Raises OperationFailed.

        The contract sees a clock that is so many seconds behind.
        """
        values = values_of(function, arguments)
        return plain(self._act(lambda host: host.invoke(contract, function, values), seconds_ago))

    def new_account(self) -> str:
        return Keypair.random().public_key

    # -- state as it pleases

    def set_answer(self, contract: str, units: int | None) -> None:
        """What check_reserve_balance answers from now on, any i128; None lets the contract speak again."""
        if self._opened_now(contract).code_hash != codec.code_hash(investment.CODE):
            raise OperationFailed("only contracts of the deployed family answer what they are told to")
        if units is not None and units not in range(-(2**127), 2**127):
            raise OperationFailed("an answer must fit into an i128")
        self._network.change(lambda moment: self._network.store.put_answer(contract, investment.CHECK, units))

    def set_books(self, contract: str, wanted: Mapping[str, int]) -> dict[str, int]:
        """Overwrites some of the eight books, without any token; all of them afterwards."""

        def act(host: Host) -> None:
            me = self._opened(host, contract)
            books.overwrite_books(me, wanted)
            me.save()

        self._act(act)
        return dict(self.info(contract)["balances"])

    def set_state(self, contract: str, state: int) -> None:
        """2 is active, 3 is funds reached; says so in an event."""

        def act(host: Host) -> None:
            me = self._opened(host, contract)
            books.overwrite_state(me, state)
            me.save()

        self._act(act)

    def archive(self, contract: str, entry: str = "instance", ledgers: int = -1) -> int:
        """Lets an entry end so many ledgers from now, by default before now; its last ledger.

        `entry` is `instance`, `code`, or the number of an investment.
        """

        def act(moment: Moment) -> int:
            key = self._key(contract, entry, moment.ledger)
            known = self._network.store.entry(key, moment.ledger)
            if known is None:
                raise OperationFailed(f"there is no entry {entry} of {contract}")
            until = moment.ledger + ledgers
            self._network.store.put_entry(key, Entry(known.data, moment.ledger, until))
            return until

        return self._network.change(act)

    def info(self, contract: str) -> dict[str, Any]:
        """Storage of an investment contract as JSON, its last ledger, and what it would answer now."""
        with self._network.current() as latest:
            moment = Moment(latest.sequence, latest.closed)
            host = self._network.executor.host(moment, is_waived=True)
            me = self._opened(host, contract)
            entry = host.get(codec.instance_key(contract))
            claims = me.get("ClaimsMap") or {}
            return {
                "owner": me.get("Owner").address,
                "paused": me.get("Paused"),
                "data": native(me.get("ContractData")),
                "balances": dict(me.get("ContractBalances")),
                "claims": {str(number): dict(claim) for number, claim in claims.items()},
                "required": _required(me),
                "answer": self._network.store.answer(contract, investment.CHECK),
                "live_until": entry.live_until if entry else None,
                "ledger": moment.ledger,
            }

    # -- inside

    def _create(self, code: bytes, storage: Mapping[str, xdr.SCVal]) -> str:
        return self._create_many(code, storage, 1)[0]

    def _make_exact(self, owner: str, project: str, token: str, wanted: InvestmentParams) -> str:
        arguments = exact_terms.arguments(owner, project, token, asdict(wanted))
        salt, code = secrets.token_bytes(32), compiled.code_of("investment")
        return str(self._act(lambda host: creating.make(host, owner, salt, code, arguments)))

    def _create_many(self, code: bytes, storage: Mapping[str, xdr.SCVal], count: int) -> list[str]:
        value = codec.instance_value(codec.code_hash(code), storage)
        contracts = [codec.contract_name("devnet", secrets.token_hex(16)) for _ in range(count)]
        keys = [codec.instance_key(contract) for contract in contracts]
        entries = [(key, codec.data_entry(key, value)) for key in keys]

        def act(moment: Moment) -> None:
            self._network.write_code(moment.ledger)
            until = moment.ledger + INSTANCE_LEDGERS
            for key, data in entries:
                self._network.store.put_entry(key, Entry(data, moment.ledger, until))

        self._network.change(act)
        return contracts

    def _act(self, act: Act, seconds_ago: int = 0) -> Any:
        def change(moment: Moment) -> Any:
            seen = Moment(moment.ledger, moment.seconds - seconds_ago)
            host = self._network.executor.host(seen, is_waived=True)
            result = act(host)
            for key, entry in host.changes().items():
                self._network.store.put_entry(key, entry)
            self._network.write_events(host.events, moment, 1, secrets.token_hex(32))
            return result

        try:
            return self._network.change(change)
        except Trap as trap:
            raise OperationFailed(f"{trap.reason} {trap.why}".strip()) from trap

    def _opened(self, host: Host, contract: str) -> Contract:
        entry = host.get(codec.instance_key(contract)) if StrKey.is_valid_contract(contract) else None
        if entry is None:
            raise OperationFailed(f"there is no contract {contract}")
        me = Contract(host, contract, *codec.instance_parts(codec.data_value(entry.data)))
        if me.code_hash not in (codec.code_hash(investment.CODE), compiled.hash_of("investment")):
            raise OperationFailed(f"{contract} is not an investment contract")
        return me

    def _opened_now(self, contract: str) -> Contract:
        with self._network.current() as latest:
            host = self._network.executor.host(Moment(latest.sequence, latest.closed), is_waived=True)
            return self._opened(host, contract)

    def _key(self, contract: str, entry: str, ledger: int) -> str:
        if entry == "instance":
            return codec.instance_key(contract)
        if entry == "code":
            instance = self._network.store.entry(codec.instance_key(contract), ledger)
            if instance is None:
                raise OperationFailed(f"there is no contract {contract}")
            return codec.code_key(codec.instance_parts(codec.data_value(instance.data))[0])
        return codec.data_key(contract, books.investment_key(int(entry)))


def _required(me: Contract) -> int:
    if me.code_hash == compiled.hash_of("investment"):
        return exact.missing(me)
    claims, reserve = me.get("ClaimsMap") or {}, me.get("ContractBalances")["reserve"]
    return terms.shortfall(claims.values(), reserve, me.now)
