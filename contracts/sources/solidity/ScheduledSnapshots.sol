// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.22;

import {HolderLedger} from "./HolderLedger.sol";

/// Snapshots by hand, and those of record dates.
/// Nothing on a chain runs by itself: the snapshot of a record date is taken by the first transaction
/// after it. Until then the live list and balances answer, which no transaction has changed since.
abstract contract ScheduledSnapshots is HolderLedger {
    struct Due {
        uint256 recordDate;
        bytes32 actionId;
    }

    /// Latest record date first, so that the next one due is popped from the end.
    Due[] private _due;
    mapping(bytes32 actionId => uint256 snapshotId) internal _actionSnapshots;

    event SnapshotTaken(address indexed operator, uint256 indexed snapshotID);
    event SnapshotTriggered(uint256 snapshotId, bytes metadata);

    function _newSnapshot() internal returns (uint256 snapshotId) {
        return ++_snapshotCount;
    }

    function _schedule(uint256 recordDate, bytes32 actionId) internal {
        _due.push(Due(recordDate, actionId));
        uint256 i = _due.length - 1;
        for (; i > 0 && _due[i - 1].recordDate <= recordDate; --i) _due[i] = _due[i - 1];
        _due[i] = Due(recordDate, actionId);
    }

    function _triggerDueSnapshots() internal {
        for (uint256 left = _due.length; left > 0; --left) {
            Due memory next = _due[left - 1];
            if (!_isReached(next.recordDate)) return;
            _due.pop();
            uint256 snapshotId = _newSnapshot();
            _actionSnapshots[next.actionId] = snapshotId;
            emit SnapshotTriggered(snapshotId, abi.encode(next.actionId));
        }
    }

    function _isReached(uint256 recordDate) internal view returns (bool) {
        return recordDate < block.timestamp;
    }

    function _recordHolderCount(uint256 recordDate, bytes32 actionId) internal view returns (uint256) {
        if (!_isReached(recordDate)) return 0;
        uint256 snapshotId = _actionSnapshots[actionId];
        return snapshotId == 0 ? getTotalSecurityHolders() : getTotalTokenHoldersAtSnapshot(snapshotId);
    }

    function _recordHolders(uint256 recordDate, bytes32 actionId, uint256 pageIndex, uint256 pageLength)
        internal
        view
        returns (address[] memory)
    {
        if (!_isReached(recordDate)) return new address[](0);
        uint256 snapshotId = _actionSnapshots[actionId];
        if (snapshotId == 0) return getSecurityHolders(pageIndex, pageLength);
        return getTokenHoldersAtSnapshot(snapshotId, pageIndex, pageLength);
    }

    /// Frozen tokens earn dividends and coupons too.
    function _recordBalance(uint256 recordDate, bytes32 actionId, address account) internal view returns (uint256) {
        if (!_isReached(recordDate)) return 0;
        uint256 snapshotId = _actionSnapshots[actionId];
        return snapshotId == 0 ? getTotalBalanceFor(account) : _totalBalanceAt(snapshotId, account);
    }
}
