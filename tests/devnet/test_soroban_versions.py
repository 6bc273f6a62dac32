"""Contracts of Paydate's own code, which the owner of the local network makes and fills."""

from pathlib import Path

import pytest

from devnet.operations import OperationFailed
from tests.devnet.stellar_desk import WHOLE, desk


def test_a_contract_of_version_two_invests_checks_and_is_topped_up(tmp_path: Path) -> None:
    with desk(tmp_path) as opened:
        operations, owner = opened.operations, opened.owner.public_key
        contract = operations.create_investment(owner=owner, version=2, return_months=12)["contract"]
        made = operations.invest(contract, 1_000 * WHOLE)
        due = made["regular_payment"] - 50 * WHOLE
        assert operations.info(contract)["required"] == due
        assert operations.call(contract, "check_reserve_balance") == due
        operations.top_up(contract, due)
        assert operations.info(contract)["required"] == 0
        assert operations.call(contract, "process_investor_payment", [1])["payments_transferred"] == 1


def test_unknown_versions_and_laid_down_answers_of_version_two_are_refused(tmp_path: Path) -> None:
    with desk(tmp_path) as opened:
        operations, owner = opened.operations, opened.owner.public_key
        with pytest.raises(OperationFailed, match="no version 3"):
            operations.create_investment(owner=owner, version=3)
        contract = operations.create_investment(owner=owner, version=2)["contract"]
        with pytest.raises(OperationFailed, match="deployed family"):
            operations.set_answer(contract, 5)
