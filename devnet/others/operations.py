"""What others do with contracts and tokens: transfers, deposits, roles, corporate actions and reports.

Each answers the records of its own transactions, so that a caller knows their consensus times.
"""

from collections.abc import Callable, Sequence

from devnet import genesis
from devnet.artifacts import artifact
from devnet.operations import Operations
from devnet.others.reports import Report, as_arguments
from devnet.others.roles import role_number
from devnet.records import Contract, Record

EQUITY = 1
# So many transactions in one job of the chain; what else waits for the chain gets its turn in between.
CHUNK = 100


class Others:
    def __init__(self, operations: Operations, now_seconds: Callable[[], int]) -> None:
        self._operations = operations
        self._now = now_seconds

    # -- tokens

    def transfer(self, token: str, sender: str, to: str, units: int) -> Record:
        """Moves asset or payment tokens from one account to another."""
        return self._send(token, "transfer", [to, units], sender=sender)

    def deposit(self, contract: str, units: int, *, sender: str = genesis.ADMIN) -> Record:
        """A plain transfer of payment tokens to a payout contract; the sender is given what it lacks first."""
        (token,) = self._operations.view(contract, "getPaymentToken")
        (balance,) = self._operations.view(token, "balanceOf", [sender])
        if balance < units:
            self._operations.call(token, "associateMany", [[sender]])
            self._operations.call(token, "mint", [sender, units - balance])
        return self.transfer(token, sender, contract, units)

    # -- roles and corporate actions

    def set_role(self, contract: str, role: str, account: str, has_role: bool) -> Record:
        """`role` by name (PAUSER, PAYOUT, ...) or number, of an asset or a payout contract."""
        number = role_number(self._operations.contract(contract).name, role)
        return self._send(contract, "grantRole" if has_role else "revokeRole", [number, account])

    def declare(self, asset: str, *, record_in: int, pay_in: int, rate: int) -> int:
        """A dividend of `rate` millionths of the currency a token or a coupon of `rate` basis points; its number.

        Record and payment date are so many seconds from now.
        """
        now = self._now()
        dates = [now + record_in, now + pay_in]
        if self._action(asset) == "Dividend":
            return int(self._operations.call(asset, "setDividend", [[*dates, rate, 6]])[0])
        coupon = [*dates, now, now + record_in, now, rate, 4, 1]
        return int(self._operations.call(asset, "setCoupon", [coupon])[0])

    def move(self, asset: str, number: int, *, pay_in: int) -> Record:
        """Another payment date of a dividend or coupon, so many seconds from now."""
        return self._send(asset, f"move{self._action(asset)}", [number, self._now() + pay_in])

    def cancel(self, asset: str, number: int, *, is_forced: bool = False) -> Record:
        """A dividend of an equity or a coupon of a bond; one that is due already must be forced."""
        verb = "forceCancel" if is_forced else "cancel"
        return self._send(asset, f"{verb}{self._action(asset)}", [number])

    # -- reports

    def deploy_reporter(self, *, owner: str = genesis.ADMIN) -> Contract:
        return self._operations.deploy(artifact("PayoutReporter"), [owner])

    def report(
        self,
        reporter: str,
        reports: Sequence[Report],
        *,
        per_transaction: int = 1,
        sender: str = genesis.ADMIN,
    ) -> list[Record]:
        """Reports in this order, so many logs to a transaction; raises ValueError before any is sent."""
        rows = [as_arguments(report) for report in reports]
        calls = [[rows[start : start + per_transaction]] for start in range(0, len(rows), per_transaction)]
        parts = (calls[start : start + CHUNK] for start in range(0, len(calls), CHUNK))
        many = self._operations.send_many
        return [record for part in parts for record in many(reporter, "reportMany", part, sender=sender)]

    def _action(self, asset: str) -> str:
        ((_, security_type),) = self._operations.view(asset, "getERC20Metadata")
        return "Dividend" if security_type == EQUITY else "Coupon"

    def _send(
        self, contract: str, function: str, arguments: Sequence[object], *, sender: str = genesis.ADMIN
    ) -> Record:
        (record,) = self._operations.send_many(contract, function, [arguments], sender=sender)
        return record
