// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.22;

import {AssetTerms} from "./AssetTerms.sol";
import {Coupons} from "./Coupons.sol";
import {Dividends} from "./Dividends.sol";

/// The tokenised asset as Paydate sees it, common to all interface versions. A local counterpart of the
/// asset contracts in the field: same views and rules, none of their partitions, holds, locks or clearing.
abstract contract AssetTokenBase is Dividends, Coupons {
    struct ERC20MetadataInfo {
        string name;
        string symbol;
        string isin;
        uint8 decimals;
    }

    struct ERC20Metadata {
        ERC20MetadataInfo info;
        uint8 securityType;
    }

    struct PrincipalFor {
        uint256 numerator;
        uint256 denominator;
    }

    bool internal _isPaused;
    mapping(address account => bool) private _kycRevoked;

    event KycChanged(address indexed account, bool isGranted, address indexed operator);
    event FrozenTokensChanged(address indexed account, uint256 frozen, address indexed operator);

    error TokenIsPaused();
    error TokenIsUnpaused();
    error LengthMismatch(uint256 accounts, uint256 amounts);
    error BondMaturityDateWrong(uint256 maturityDate, uint256 requestedDate);
    error InvalidKycStatus(address account);

    constructor(AssetTerms memory terms, address admin) {
        _terms = terms;
        _grant(DEFAULT_ADMIN_ROLE, admin);
        for (uint256 i = 0; i <= uint256(type(Role).max); ++i) _grant(_roleId(Role(i)), admin);
    }

    function mint(address to, uint256 amount) external onlyUnpaused onlyRole(_roleId(Role.ISSUER)) {
        _triggerDueSnapshots();
        _issue(to, amount);
    }

    function mintMany(address[] calldata to, uint256[] calldata amounts)
        external
        onlyUnpaused
        onlyRole(_roleId(Role.ISSUER))
    {
        if (to.length != amounts.length) revert LengthMismatch(to.length, amounts.length);
        _triggerDueSnapshots();
        for (uint256 i = 0; i < to.length; ++i) _issue(to[i], amounts[i]);
    }

    function burn(address from, uint256 amount) external onlyUnpaused onlyRole(_roleId(Role.ISSUER)) {
        _triggerDueSnapshots();
        _destroy(from, amount);
    }

    function transfer(address to, uint256 amount) external onlyUnpaused returns (bool) {
        _triggerDueSnapshots();
        _move(msg.sender, to, amount);
        return true;
    }

    function takeSnapshot()
        external
        onlyUnpaused
        onlyRole(_roleId(Role.SNAPSHOT))
        returns (uint256 snapshotID)
    {
        _triggerDueSnapshots();
        snapshotID = _newSnapshot();
        emit SnapshotTaken(msg.sender, snapshotID);
    }

    /// Sets how many of the account's tokens are frozen, whatever the number was before.
    function setFrozenTokens(address account, uint256 amount)
        external
        onlyUnpaused
        onlyRole(_roleId(Role.FREEZE_MANAGER))
    {
        _triggerDueSnapshots();
        _setFrozen(account, amount);
        emit FrozenTokensChanged(account, amount, msg.sender);
    }

    /// Accounts begin with KYC granted; it is asked for at redemption only.
    function setKyc(address account, bool isGranted) external onlyUnpaused onlyRole(_roleId(Role.KYC)) {
        _kycRevoked[account] = !isGranted;
        emit KycChanged(account, isGranted, msg.sender);
    }

    function fullRedeemAtMaturity(address holder)
        external
        onlyUnpaused
        onlyRole(_roleId(Role.MATURITY_REDEEMER))
    {
        uint256 maturity = _terms.maturityDate;
        if (_isEquity()) revert WrongSecurityType(_terms.securityType);
        if (block.timestamp < maturity) revert BondMaturityDateWrong(maturity, block.timestamp);
        if (_kycRevoked[holder]) revert InvalidKycStatus(holder);
        _triggerDueSnapshots();
        _destroy(holder, balanceOf(holder));
    }

    function pause() external onlyUnpaused onlyRole(_roleId(Role.PAUSER)) returns (bool success) {
        _isPaused = true;
        _announcePause(true);
        return true;
    }

    function unpause() external onlyRole(_roleId(Role.PAUSER)) returns (bool success) {
        if (!_isPaused) revert TokenIsUnpaused();
        _isPaused = false;
        _announcePause(false);
        return true;
    }

    function name() external view returns (string memory) {
        return _terms.name;
    }

    function symbol() external view returns (string memory) {
        return _terms.symbol;
    }

    function decimals() external view returns (uint8) {
        return _terms.decimals;
    }

    function decimalsAtSnapshot(uint256 snapshotID) external view existingSnapshot(snapshotID) returns (uint8) {
        return _terms.decimals;
    }

    function getERC20Metadata() external view returns (ERC20Metadata memory metadata) {
        metadata.info = ERC20MetadataInfo(_terms.name, _terms.symbol, _terms.isin, _terms.decimals);
        metadata.securityType = uint8(_terms.securityType);
    }

    /// 1 is "granted", 0 is "not granted".
    function getKycStatusFor(address account) external view returns (uint8) {
        return _kycRevoked[account] ? 0 : 1;
    }

    function getPrincipalFor(address account) external view returns (PrincipalFor memory principal) {
        principal.numerator = balanceOf(account) * _terms.nominalValue;
        principal.denominator = 10 ** (uint256(_terms.decimals) + _terms.nominalValueDecimals);
    }

    function _requireUnpaused() internal view override {
        if (_isPaused) revert TokenIsPaused();
    }

    function _announcePause(bool isPaused) internal virtual;
}
