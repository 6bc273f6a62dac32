"""What the owner of the local chain may do: accounts, contracts, tokens. All on the chain thread."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from devnet import genesis
from devnet.artifacts import Artifact, artifact
from devnet.chain import Chain, admin_record
from devnet.execution import SUCCESS, Effect, Moment
from devnet.fees import HBAR
from devnet.keys import evm_alias, normalise
from devnet.records import Account, Contract, Record, Token, evm_hex, long_zero
from devnet.replay import CREATION

ADMIN_GAS = 1_000_000_000


class OperationFailed(RuntimeError):
    """The chain refused; the text is the contract's own reason."""


class Operations:
    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._ledger = chain.ledger
        self._deployed: dict[str, Artifact] = {}

    # -- accounts

    def create_account(
        self, public_key: str, key_type: str | None = None, *, hbar: int = 1_000, memo: str = ""
    ) -> Account:
        """An account for this key; the one that has the key already is returned unchanged."""
        kind, key_hex = normalise(public_key, key_type)
        return self._chain.perform(lambda chain: self._create_account(chain, kind, key_hex, hbar, memo))

    def add_accounts(self, addresses: Sequence[str]) -> list[Account]:
        """Hollow accounts for these EVM addresses, in one write; known ones are kept."""
        return self._chain.perform(lambda chain: self._add_accounts(chain, [evm_hex(a) for a in addresses]))

    def send_hbar(self, account: str, tinybars: int) -> Record:
        return self._chain.perform(lambda chain: self._pay(chain, account, tinybars))

    # -- contracts

    def deploy(
        self, compiled: Artifact, arguments: Sequence[Any] = (), *, sender: str = genesis.ADMIN
    ) -> Contract:
        code = compiled.creation_code(self.resolve(arguments))
        contract = self._chain.perform(lambda chain: self._deploy(chain, compiled, code, sender))
        self._deployed[contract.contract_id] = compiled
        return contract

    def call(
        self, contract: str, function: str, arguments: Sequence[Any] = (), *, sender: str = genesis.ADMIN
    ) -> list[Any]:
        """Runs a function as `sender` and returns its decoded output; raises OperationFailed on a revert."""
        (record,) = self.send_many(contract, function, [arguments], sender=sender)
        output = record.call.output if record.call else b""
        return self.artifact_of(self.contract(contract)).decode_output(function, output)

    def send_many(
        self, contract: str, function: str, calls: Sequence[Sequence[Any]], *, sender: str = genesis.ADMIN
    ) -> list[Record]:
        """One transaction for each list of arguments, nothing between them; a revert raises and ends the row."""
        target = self.contract(contract)
        compiled = self.artifact_of(target)
        datas = [compiled.call_data(function, self.resolve(arguments)) for arguments in calls]

        def run(chain: Chain) -> list[Record]:
            return [_checked(self._run(chain, target, data, sender), compiled, function) for data in datas]

        return self._chain.perform(run)

    def view(
        self, contract: str, function: str, arguments: Sequence[Any] = (), *, sender: str = genesis.ADMIN
    ) -> list[Any]:
        """Reads the newest state, blocks or not."""
        return self.view_many(contract, function, [arguments], sender=sender)[0]

    def view_many(
        self, contract: str, function: str, calls: Sequence[Sequence[Any]], *, sender: str = genesis.ADMIN
    ) -> list[list[Any]]:
        target = self.contract(contract)
        compiled = self.artifact_of(target)
        datas = [compiled.call_data(function, self.resolve(arguments)) for arguments in calls]
        address = self._address(sender)
        outputs = self._chain.perform(lambda chain: _views(chain, address, target.evm_address, datas))
        return [_view_output(compiled, function, output) for output in outputs]

    # -- tokens

    def register_token(self, contract: str, kind: str, *, hts_like: bool = False) -> Token:
        """Lists a deployed ERC-20 as a token; `kind` is PAYMENT or ASSET."""
        target = self.contract(contract)
        name, symbol, decimals = (self.view(contract, view)[0] for view in ("name", "symbol", "decimals"))
        token = Token(
            target.contract_id,
            target.evm_address,
            name,
            symbol,
            decimals,
            kind,
            genesis.ADMIN,
            target.created_ns,
            hts_like,
        )
        self._chain.perform(lambda chain: chain.write([token]))
        return token

    def mark_hts_like(self, token: str, is_hts_like: bool) -> Token:
        marked = self._ledger.with_hts_like(self.token(token).token_id, is_hts_like)
        self._chain.perform(lambda chain: chain.write([marked]))
        return marked

    # -- names

    def contract(self, id_or_evm: str) -> Contract:
        found = self._ledger.contract(id_or_evm)
        if found is None:
            raise OperationFailed(f"there is no contract {id_or_evm}")
        return found

    def token(self, id_or_evm: str) -> Token:
        found = self._ledger.token(id_or_evm)
        if found is None:
            raise OperationFailed(f"there is no token {id_or_evm}")
        return found

    def artifact_of(self, contract: Contract) -> Artifact:
        known = self._deployed.get(contract.contract_id)
        return known or artifact(contract.name)

    def resolve(self, arguments: Any) -> Any:
        """0.0.x ids become EVM addresses, at any depth."""
        if isinstance(arguments, str) and arguments.startswith("0.0."):
            return self._address(arguments)
        if isinstance(arguments, list | tuple):
            return [self.resolve(item) for item in arguments]
        if isinstance(arguments, dict):
            return {key: self.resolve(item) for key, item in arguments.items()}
        return arguments

    def _address(self, id_or_evm: str) -> str:
        found = self._ledger.account(id_or_evm) or self._ledger.contract(id_or_evm)
        if found is None and "." in id_or_evm:
            raise OperationFailed(f"there is no account or contract {id_or_evm}")
        return found.evm_address if found else evm_hex(id_or_evm)

    # -- on the chain thread

    def _create_account(self, chain: Chain, kind: str, key_hex: str, hbar: int, memo: str) -> Account:
        known = chain.ledger.account_with_key(key_hex)
        if known:
            return known
        moment = chain.moment()
        name = f"0.0.{chain.state.next_entity}"
        address = evm_alias(kind, key_hex) or long_zero(name)
        account = Account(name, address, kind, key_hex, moment.consensus_ns, memo)
        moved = ((genesis.TREASURY, -hbar * HBAR), (name, hbar * HBAR)) if hbar else ()
        effect = Effect(SUCCESS, entity_id=name, transfers=moved)
        chain.commit(admin_record(chain, genesis.TREASURY, "CRYPTOCREATEACCOUNT", effect, moment), [account])
        return account

    def _add_accounts(self, chain: Chain, addresses: Sequence[str]) -> list[Account]:
        moment = chain.moment()
        first = chain.state.next_entity
        unknown = [address for address in addresses if chain.ledger.account(address) is None]
        made = [
            Account(f"0.0.{first + place}", address, None, "", moment.consensus_ns)
            for place, address in enumerate(unknown)
        ]
        if made:
            chain.write(made)
        return [account for account in map(chain.ledger.account, addresses) if account]

    def _pay(self, chain: Chain, account: str, tinybars: int) -> Record:
        if chain.ledger.account(account) is None:
            raise OperationFailed(f"there is no account {account}")
        effect = Effect(SUCCESS, transfers=((genesis.TREASURY, -tinybars), (account, tinybars)))
        return chain.commit(admin_record(chain, genesis.TREASURY, "CRYPTOTRANSFER", effect, chain.moment()))

    def _deploy(self, chain: Chain, compiled: Artifact, code: bytes, sender: str) -> Contract:
        moment = chain.moment()
        effect = chain.executor.create(self._address(sender), code, ADMIN_GAS, moment)
        if effect.result != SUCCESS or effect.call is None:
            raise OperationFailed(f"{compiled.name} cannot be deployed: {_reason(effect, compiled)}")
        name = f"0.0.{chain.state.next_entity}"
        address = effect.call.to
        contract = Contract(name, address, compiled.name, moment.consensus_ns, chain.executor.code(address))
        effect = replace(effect, entity_id=name)
        chain.commit(admin_record(chain, self._payer(sender), CREATION, effect, moment), [contract])
        return contract

    def _run(self, chain: Chain, target: Contract, data: bytes, sender: str) -> Record:
        moment: Moment = chain.moment()
        effect = chain.executor.run(self._address(sender), target, data, ADMIN_GAS, moment)
        return chain.commit(admin_record(chain, self._payer(sender), "CONTRACTCALL", effect, moment))

    def _payer(self, sender: str) -> str:
        account = self._ledger.account(sender)
        return account.account if account else genesis.ADMIN


def _views(chain: Chain, sender: str, to: str, datas: Sequence[bytes]) -> list[tuple[bool, bytes]]:
    moment = chain.moment()
    return [chain.executor.view(sender, to, data, moment) for data in datas]


def _view_output(compiled: Artifact, function: str, output: tuple[bool, bytes]) -> list[Any]:
    success, data = output
    if not success:
        raise OperationFailed(f"{compiled.name}.{function}: {compiled.error_text(data)}")
    return compiled.decode_output(function, data)


def _checked(record: Record, compiled: Artifact, function: str) -> Record:
    if record.result != SUCCESS or record.call is None:
        effect = Effect(record.result, call=record.call)
        raise OperationFailed(f"{compiled.name}.{function}: {_reason(effect, compiled)}")
    return record


def _reason(effect: Effect, compiled: Artifact) -> str:
    error = effect.call.error_message if effect.call else None
    if error and error.startswith("0x"):
        return compiled.error_text(bytes.fromhex(error[2:]))
    return error or effect.result
