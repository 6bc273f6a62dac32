// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.22;

import {AssetTerms, SecurityType} from "./AssetTerms.sol";
import {Roles} from "./Roles.sol";
import {ScheduledSnapshots} from "./ScheduledSnapshots.sol";

/// What dividends and coupons share: who may set them, their dates and their numbering.
abstract contract CorporateActions is Roles, ScheduledSnapshots {
    enum Role {
        ISSUER,
        SNAPSHOT,
        CORPORATE_ACTION,
        PAUSER,
        FREEZE_MANAGER,
        KYC,
        MATURITY_REDEEMER
    }

    AssetTerms internal _terms;
    uint256 private _actionCount;

    error WrongSecurityType(SecurityType securityType);
    error WrongDates(uint256 first, uint256 second);
    error WrongTimestamp(uint256 timestamp);
    error UnknownCorporateAction(uint256 id);
    error AlreadyExecuted(uint256 id);
    error AlreadyCancelled(uint256 id);

    function _isEquity() internal view returns (bool) {
        return _terms.securityType == SecurityType.EQUITY;
    }

    function _newAction(uint256 recordDate, uint256 executionDate) internal returns (bytes32 actionId) {
        if (recordDate <= block.timestamp) revert WrongTimestamp(recordDate);
        if (executionDate < recordDate) revert WrongDates(recordDate, executionDate);
        _triggerDueSnapshots();
        actionId = bytes32(++_actionCount);
        _schedule(recordDate, actionId);
    }

    function _checkMove(uint256 id, uint256 recordDate, uint256 from, uint256 to) internal view {
        if (from <= block.timestamp) revert AlreadyExecuted(id);
        if (to < recordDate) revert WrongDates(recordDate, to);
    }

    /// The number under which the role is known differs between the versions of the asset contracts.
    function _roleId(Role role) internal pure virtual returns (bytes32);
}
