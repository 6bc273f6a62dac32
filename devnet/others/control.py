"""Control operations for what others do on the local Hedera; `timestamp` is a consensus time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from devnet import genesis
from devnet.others.reports import Report
from devnet.records import Record, timestamp

if TYPE_CHECKING:
    from devnet.runtime import Devnet


class OthersControl:
    """Part of the control server."""

    _devnet: "Devnet"

    def do_transfer(self, token: str, sender: str, to: str, units: int) -> dict[str, str]:
        return _sent(self._devnet.others.transfer(token, sender, to, units))

    def do_deposit(self, contract: str, units: int, sender: str | None = None) -> dict[str, str]:
        return _sent(self._devnet.others.deposit(contract, units, sender=sender or genesis.ADMIN))

    def do_set_role(self, contract: str, role: str, account: str, has_role: bool = True) -> dict[str, str]:
        return _sent(self._devnet.others.set_role(contract, role, account, has_role))

    def do_declare(
        self, asset: str, record_in: int = 3_600, pay_in: int = 7_200, rate: int = 500
    ) -> dict[str, int]:
        number = self._devnet.others.declare(asset, record_in=record_in, pay_in=pay_in, rate=rate)
        return {"number": number}

    def do_move(self, asset: str, number: int, pay_in: int) -> dict[str, str]:
        return _sent(self._devnet.others.move(asset, number, pay_in=pay_in))

    def do_cancel(self, asset: str, number: int, is_forced: bool = False) -> dict[str, str]:
        return _sent(self._devnet.others.cancel(asset, number, is_forced=is_forced))

    def do_deploy_reporter(self, owner: str | None = None) -> dict[str, str]:
        made = self._devnet.others.deploy_reporter(owner=owner or genesis.ADMIN)
        return {"contract_id": made.contract_id, "evm_address": made.evm_address, "name": made.name}

    def do_report(
        self,
        reporter: str,
        reports: Sequence[Report],
        per_transaction: int = 1,
        sender: str | None = None,
    ) -> list[dict[str, str]]:
        sent = self._devnet.others.report(
            reporter, reports, per_transaction=per_transaction, sender=sender or genesis.ADMIN
        )
        return [_sent(record) for record in sent]


def _sent(record: Record) -> dict[str, str]:
    return {"transaction_id": record.transaction_id, "timestamp": timestamp(record.consensus_ns)}
