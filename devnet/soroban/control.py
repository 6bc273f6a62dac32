"""Control operations for the local Stellar network."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from devnet.runtime import Devnet


class StellarControl:
    """Part of the control server."""

    _devnet: "Devnet"

    def do_stellar_status(self) -> dict[str, Any]:
        return self._devnet.stellar_operations.status() | {"kind": self._devnet.stellar.kind}

    def do_close_ledger(self, count: int = 1) -> dict[str, Any]:
        return self._devnet.stellar_operations.close_ledgers(count)

    def do_fund_stellar(self, account: str, xlm: int = 10_000) -> dict[str, Any]:
        return self._devnet.stellar_operations.fund(account, xlm)

    def do_stellar_account(self, account: str) -> dict[str, Any]:
        return self._devnet.stellar_operations.account(account)

    def do_stellar_wallet(self, name: str = "reserve", xlm: int = 10_000) -> dict[str, str]:
        """A custody wallet with a funded account; made at the first call."""
        wallet = self._devnet.dfns.stellar_wallet(name)
        self._devnet.stellar_operations.make_sure(wallet["address"], xlm)
        return {
            "wallet_id": wallet["id"],
            "key_id": wallet["signingKey"]["id"],
            "account": wallet["address"],
        }

    def do_create_stellar_token(
        self, name: str = "USD Coin", symbol: str = "USDC", decimals: int = 7
    ) -> dict[str, str]:
        operations = self._devnet.stellar_operations
        return {"contract": operations.create_token(name=name, symbol=symbol, decimals=decimals)}

    def do_create_investment(
        self, owner: str = "", token: str = "", project: str = "", **params: Any
    ) -> dict[str, str]:
        """Owned by this account, by default by the custody wallet on Stellar."""
        owner = owner or self.do_stellar_wallet()["account"]
        return self._devnet.stellar_operations.create_investment(
            owner=owner, token=token, project=project, **params
        )

    def do_create_investments(self, count: int, owner: str = "", **params: Any) -> dict[str, Any]:
        owner = owner or self.do_stellar_wallet()["account"]
        return self._devnet.stellar_operations.create_investments(owner=owner, count=count, **params)

    def do_investment(self, contract: str) -> dict[str, Any]:
        return self._devnet.stellar_operations.info(contract)

    def do_stellar_call(
        self, contract: str, function: str, arguments: list[Any] | None = None
    ) -> dict[str, Any]:
        return {"output": self._devnet.stellar_operations.call(contract, function, arguments or ())}

    def do_invest(
        self, contract: str, units: int, investor: str = "", seconds_ago: int = 0
    ) -> dict[str, Any]:
        return self._devnet.stellar_operations.invest(contract, units, investor, seconds_ago)

    def do_top_up_reserve(self, contract: str, units: int) -> dict[str, int]:
        return self._devnet.stellar_operations.top_up(contract, units)

    def do_set_reserve_answer(self, contract: str, units: int | None = None) -> dict[str, Any]:
        self._devnet.stellar_operations.set_answer(contract, units)
        return {"answer": units}

    def do_set_investment_books(self, contract: str, books: dict[str, int]) -> dict[str, int]:
        return self._devnet.stellar_operations.set_books(contract, books)

    def do_set_investment_state(self, contract: str, state: int) -> dict[str, int]:
        self._devnet.stellar_operations.set_state(contract, state)
        return {"state": state}

    def do_archive(self, contract: str, entry: str = "instance", ledgers: int = -1) -> dict[str, int]:
        return {"live_until": self._devnet.stellar_operations.archive(contract, entry, ledgers)}
