// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.22;

import {AssetTerms} from "./AssetTerms.sol";
import {AssetTokenBase} from "./AssetTokenBase.sol";

/// The asset under its 8.0 names.
contract AssetToken8 is AssetTokenBase {
    event Paused(address indexed operator);
    event Unpaused(address indexed operator);
    event MaturityDateUpdated(
        address indexed tokenId, uint256 indexed maturityDate, uint256 indexed previousMaturityDate
    );

    constructor(AssetTerms memory terms, address admin) AssetTokenBase(terms, admin) {}

    function setMaturityDate(uint256 maturityDate)
        external
        onlyUnpaused
        onlyRole(_roleId(Role.CORPORATE_ACTION))
        returns (bool success)
    {
        if (maturityDate <= block.timestamp) revert WrongTimestamp(maturityDate);
        emit MaturityDateUpdated(address(this), maturityDate, _terms.maturityDate);
        _terms.maturityDate = maturityDate;
        return true;
    }

    function version() external pure returns (string memory) {
        return "8.0.0";
    }

    function paused() external view returns (bool) {
        return _isPaused;
    }

    function getMaturityDate() external view returns (uint256) {
        return _terms.maturityDate;
    }

    function getNominalValue() external view returns (uint256) {
        return _terms.nominalValue;
    }

    function getNominalValueCurrency() external view returns (bytes3) {
        return _terms.currency;
    }

    function getNominalValueDecimals() external view returns (uint8) {
        return _terms.nominalValueDecimals;
    }

    /// Always 0: this token knows no locks.
    function lockedBalanceOfAtSnapshot(uint256 snapshotID, address)
        external
        view
        existingSnapshot(snapshotID)
        returns (uint256)
    {
        return 0;
    }

    /// Always 0: this token knows no holds.
    function heldBalanceOfAtSnapshot(uint256 snapshotID, address)
        external
        view
        existingSnapshot(snapshotID)
        returns (uint256)
    {
        return 0;
    }

    /// Always 0: this token knows no clearing.
    function clearedBalanceOfAtSnapshot(uint256 snapshotID, address)
        external
        view
        existingSnapshot(snapshotID)
        returns (uint256)
    {
        return 0;
    }

    function _announcePause(bool isPaused) internal override {
        if (isPaused) emit Paused(msg.sender);
        else emit Unpaused(msg.sender);
    }

    /// The numbers deployed 8.0 contracts use; every one differs from 7.x.
    function _roleId(Role role) internal pure override returns (bytes32) {
        if (role == Role.ISSUER) return 0x5eeaf5602c75bf26e73b5206d0bd6ee82f621166255e5fd73cc06bc7bd84a95f;
        if (role == Role.SNAPSHOT) return 0xf7d999723d2160432933a2aeffaae83e262a5a46fe94f34614a7676d1d1f67c6;
        if (role == Role.CORPORATE_ACTION) return 0xa1acfc499025c99f55059195e6276f639d34a18aad7b8121b9192b7f438c55cd;
        if (role == Role.PAUSER) return 0x3cb8b459fdb6e7dc3d2a2aa529e530f885d45e03584adb438423209c86a2731f;
        if (role == Role.FREEZE_MANAGER) return 0x71ae38482e1ab1c28e767d64766d686215b490c8c1bd7dfe6b101525187c2155;
        if (role == Role.KYC) return 0x754f499f9fdfbb089d12bdec817a6863d593d8a3ea7f546c00a5cafd20957bfc;
        return 0x433f48f8aca23480f6ab07666cbc9131d32a0b4672033453f65e18f4dd390523;
    }
}
