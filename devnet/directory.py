"""Accounts, contracts, files and tokens of the local Hedera, by id and by EVM address."""

import threading
from collections.abc import Mapping
from dataclasses import replace

from devnet.records import Account, Contract, File, Token, evm_hex

LONG_ZERO_PREFIX = "0x" + "0" * 24


class Directory:
    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._accounts: dict[str, Account] = {}
        self._account_by_evm: dict[str, str] = {}
        self._account_by_key: dict[str, str] = {}
        self._contracts: dict[str, Contract] = {}
        self._contract_by_evm: dict[str, str] = {}
        self._files: dict[str, File] = {}
        self._tokens: dict[str, Token] = {}
        self._token_by_evm: dict[str, str] = {}

    def add_account(self, account: Account) -> None:
        with self._lock:
            self._accounts[account.account] = account
            self._account_by_evm[account.evm_address] = account.account
            if account.key_hex:
                self._account_by_key[account.key_hex] = account.account

    def add_contract(self, contract: Contract) -> None:
        with self._lock:
            self._contracts[contract.contract_id] = contract
            self._contract_by_evm[contract.evm_address] = contract.contract_id

    def add_file(self, file: File) -> None:
        with self._lock:
            self._files[file.file_id] = file

    def add_token(self, token: Token) -> None:
        with self._lock:
            self._tokens[token.token_id] = token
            self._token_by_evm[token.evm_address] = token.token_id

    def account(self, id_or_evm: str) -> Account | None:
        """By 0.0.x, EVM address, or the long-zero form of the number; with or without 0x, any case."""
        with self._lock:
            return self._accounts.get(self._key(id_or_evm, self._account_by_evm))

    def account_with_key(self, key_hex: str) -> Account | None:
        with self._lock:
            return self._accounts.get(self._account_by_key.get(key_hex, ""))

    def contract(self, id_or_evm: str) -> Contract | None:
        with self._lock:
            return self._contracts.get(self._key(id_or_evm, self._contract_by_evm))

    def file(self, file_id: str) -> File | None:
        with self._lock:
            return self._files.get(file_id)

    def token(self, id_or_evm: str) -> Token | None:
        with self._lock:
            return self._tokens.get(self._key(id_or_evm, self._token_by_evm))

    def accounts(self) -> list[Account]:
        with self._lock:
            return sorted(self._accounts.values(), key=lambda account: account.number)

    def contracts(self) -> list[Contract]:
        with self._lock:
            return list(self._contracts.values())

    def tokens(self) -> list[Token]:
        with self._lock:
            return list(self._tokens.values())

    def with_hts_like(self, token_id: str, hts_like: bool) -> Token:
        """The token as it would be; the chain writes it."""
        with self._lock:
            return replace(self._tokens[token_id], hts_like=hts_like)

    def _key(self, id_or_evm: str, by_evm: Mapping[str, str]) -> str:
        if "." in id_or_evm:
            return id_or_evm
        address = evm_hex(id_or_evm)
        if address.startswith(LONG_ZERO_PREFIX) and address not in by_evm:
            return f"0.0.{int(address, 16)}"
        return by_evm.get(address, "")
