"""What others do on the local Hedera as methods of the devnet's client."""

from collections.abc import Sequence
from typing import Any, cast

from devnet.others.reports import Report


class OthersCalls:
    """Each answers `transaction_id` and `timestamp`, the consensus time, unless it says otherwise."""

    def _ask(self, operation: str, *, timeout: float = 60, **arguments: Any) -> Any:
        raise NotImplementedError

    def transfer(self, token: str, sender: str, to: str, units: int) -> dict[str, str]:
        """Asset or payment tokens from one account to another; no key is asked for."""
        answer = self._ask("transfer", token=token, sender=sender, to=to, units=units)
        return cast(dict[str, str], answer)

    def deposit(self, contract: str, units: int, *, sender: str | None = None) -> dict[str, str]:
        """A plain transfer of payment tokens to a payout contract, by the contracts' owner unless `sender` is given.

        What the sender lacks is minted to it in a transaction before.
        """
        return cast(dict[str, str], self._ask("deposit", contract=contract, units=units, sender=sender))

    def grant(self, contract: str, role: str, account: str) -> dict[str, str]:
        """`role` of a payout contract or an asset: PAUSER, PAYOUT, ..., or its number."""
        return self._set_role(contract, role, account, True)

    def revoke(self, contract: str, role: str, account: str) -> dict[str, str]:
        return self._set_role(contract, role, account, False)

    def declare(self, asset: str, *, record_in: int = 3_600, pay_in: int = 7_200, rate: int = 500) -> int:
        """The number of a new dividend (`rate` millionths of the currency a token) or coupon (basis points)."""
        answer = self._ask("declare", asset=asset, record_in=record_in, pay_in=pay_in, rate=rate)
        return int(answer["number"])

    def move(self, asset: str, number: int, pay_in: int) -> dict[str, str]:
        """Another payment date of a dividend or coupon, so many seconds from now."""
        return cast(dict[str, str], self._ask("move", asset=asset, number=number, pay_in=pay_in))

    def cancel(self, asset: str, number: int, *, is_forced: bool = False) -> dict[str, str]:
        """A dividend or coupon; one that is due already must be forced."""
        return cast(dict[str, str], self._ask("cancel", asset=asset, number=number, is_forced=is_forced))

    def deploy_reporter(self, *, owner: str | None = None) -> dict[str, str]:
        """`contract_id`, `evm_address` and `name` of a contract that only reports, for its owner."""
        return cast(dict[str, str], self._ask("deploy_reporter", owner=owner))

    def report(
        self,
        reporter: str,
        reports: Sequence[Report],
        *,
        per_transaction: int = 1,
        sender: str | None = None,
    ) -> list[dict[str, str]]:
        """The transactions of these reports, in order, so many logs in each.

        A report is `["DistributionExecuted", id, units, holders]`, `["PayoutCompleted", id, paid, failed]` or
        `["HolderBalanceUpdated", EVM address, units]`; ids are 32 bytes in 0x hex.
        """
        answer = self._ask(
            "report",
            reporter=reporter,
            reports=[list(report) for report in reports],
            per_transaction=per_transaction,
            sender=sender,
        )
        return cast(list[dict[str, str]], answer)

    def _set_role(self, contract: str, role: str, account: str, has_role: bool) -> dict[str, str]:
        answer = self._ask("set_role", contract=contract, role=role, account=account, has_role=has_role)
        return cast(dict[str, str], answer)
