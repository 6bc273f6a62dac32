"""The local Stellar network's operations as methods of the devnet's client."""

from collections.abc import Sequence
from typing import Any, cast


class StellarCalls:
    """What changes something runs in a ledger that closes at once."""

    def _ask(self, operation: str, *, timeout: float = 60, **arguments: Any) -> Any:
        raise NotImplementedError

    def stellar_status(self) -> dict[str, Any]:
        """Latest `ledger`, when it `closed` (unix seconds), how many transactions are `waiting`, and the `kind`:
        model or host.
        """
        return cast(dict[str, Any], self._ask("stellar_status"))

    def close_ledger(self, count: int = 1) -> dict[str, int]:
        """Closes ledgers now, the first with all that waits."""
        return cast(dict[str, int], self._ask("close_ledger", count=count))

    def fund_stellar(self, account: str, xlm: int = 10_000) -> dict[str, Any]:
        """Makes the account G..., or gives it more; `stroops` and `sequence`."""
        return cast(dict[str, Any], self._ask("fund_stellar", account=account, xlm=xlm))

    def stellar_account(self, account: str) -> dict[str, Any]:
        return cast(dict[str, Any], self._ask("stellar_account", account=account))

    def stellar_wallet(self, name: str = "reserve", *, xlm: int = 10_000) -> dict[str, str]:
        """`wallet_id`, `key_id` and `account` of the custody wallet of this name, made at the first call."""
        return cast(dict[str, str], self._ask("stellar_wallet", name=name, xlm=xlm))

    def create_stellar_token(self, *, name: str = "USD Coin", symbol: str = "USDC", decimals: int = 7) -> str:
        """The contract id of a new token."""
        answer = self._ask("create_stellar_token", name=name, symbol=symbol, decimals=decimals)
        return str(answer["contract"])

    def create_investment(
        self, *, owner: str = "", token: str = "", project: str = "", **params: int
    ) -> dict[str, str]:
        """`contract`, `token`, `project` and `owner`; the owner is the custody wallet on Stellar by default.

        `params`: goal, i_rate, min_per_investment, claim_block_days, return_months, return_type (1 or 2), and
        version (1 of the deployed family, 2 Paydate's own contract; the real host has only the latter).
        """
        answer = self._ask("create_investment", owner=owner, token=token, project=project, **params)
        return cast(dict[str, str], answer)

    def create_investments(self, count: int, *, owner: str = "", **params: int) -> dict[str, Any]:
        """As `create_investment`, so many of one token in one ledger: `contracts` has their ids."""
        answer = self._ask("create_investments", timeout=600, count=count, owner=owner, **params)
        return cast(dict[str, Any], answer)

    def investment(self, contract: str) -> dict[str, Any]:
        """Storage of an investment contract, `live_until`, and what it finds `required` now."""
        return cast(dict[str, Any], self._ask("investment", contract=contract))

    def stellar_call(self, contract: str, function: str, arguments: Sequence[Any] = ()) -> Any:
        """Runs a function without asking for anybody's authorisation; its value."""
        answer = self._ask("stellar_call", contract=contract, function=function, arguments=list(arguments))
        return answer["output"]

    def invest(
        self, contract: str, units: int, *, investor: str = "", seconds_ago: int = 0
    ) -> dict[str, Any]:
        """An investor, by default a new one, gets the money and invests it, or did so a while ago; the investment."""
        answer = self._ask(
            "invest", contract=contract, units=units, investor=investor, seconds_ago=seconds_ago
        )
        return cast(dict[str, Any], answer)

    def top_up_reserve(self, contract: str, units: int) -> dict[str, int]:
        """The owner gets the money and puts it into the reserve; the books afterwards."""
        return cast(dict[str, int], self._ask("top_up_reserve", contract=contract, units=units))

    def set_reserve_answer(self, contract: str, units: int | None) -> None:
        """What check_reserve_balance answers, any i128; None lets the contract speak again."""
        self._ask("set_reserve_answer", contract=contract, units=units)

    def set_investment_books(self, contract: str, **books: int) -> dict[str, int]:
        """Overwrites books (reserve, project, ...) without moving any token; all of them afterwards."""
        return cast(dict[str, int], self._ask("set_investment_books", contract=contract, books=books))

    def set_investment_state(self, contract: str, state: int) -> None:
        """2 is active, 3 is funds reached."""
        self._ask("set_investment_state", contract=contract, state=state)

    def archive(self, contract: str, entry: str = "instance", *, ledgers: int = -1) -> int:
        """Lets an entry (instance, code, or an investment's number) end so many ledgers from now."""
        answer = self._ask("archive", contract=contract, entry=entry, ledgers=ledgers)
        return int(answer["live_until"])
