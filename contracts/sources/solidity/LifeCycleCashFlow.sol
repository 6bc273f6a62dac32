// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.22;

import {HolderPayments} from "./HolderPayments.sol";
import {PayoutEvents} from "./PayoutEvents.sol";
import {IPayableAsset, IPaymentToken, ITokenService} from "./PayoutInterfaces.sol";

/// Pays the holders of one asset. A local counterpart of the payout contract in the field (1.1):
/// same functions, events, errors, roles and rules, the inconvenient ones included.
contract LifeCycleCashFlow is HolderPayments, PayoutEvents {
    struct Rbac {
        bytes32 role;
        address[] members;
    }

    bytes32 internal constant PAUSER_ROLE = keccak256("lifecycle.cash.flow.role.pauser");
    bytes32 internal constant PAYOUT_ROLE = keccak256("lifecycle.cash.flow.role.payout");
    bytes32 internal constant CASHOUT_ROLE = keccak256("lifecycle.cash.flow.role.cashout");
    bytes32 internal constant TRANSFERER_ROLE = keccak256("lifecycle.cash.flow.role.transferer");
    bytes32 internal constant PAYMENT_TOKEN_MANAGER_ROLE =
        0x15e92345f55818ea6e01143954b5841c1ba74302c2b157a2b4d0f21f9ad40286;

    ITokenService internal constant TOKEN_SERVICE = ITokenService(address(0x167));
    int64 internal constant TOKEN_SERVICE_SUCCESS = 22;

    bool private _isInitialized;
    bool private _isPaused;

    error InvalidInitialization();
    error InvalidAsset(address asset);
    error AssociateTokenFailed();
    error TransferERC20TokenFailed(address to, uint256 amount);
    error NotEnoughBalance(uint256 amount);
    error InvalidPercentage(uint256 percentage);
    error InvalidPaymentToken(address paymentToken);
    error LifeCycleCashFlowIsPaused();
    error LifeCycleCashFlowIsUnpaused();

    modifier onlyAsset(address asset) {
        if (asset != _asset) revert InvalidAsset(asset);
        _;
    }

    modifier onlyMatured() {
        uint256 maturity = _maturityDate();
        if (block.timestamp < maturity) revert NotPaymentDate(maturity, block.timestamp);
        _;
    }

    function initialize(address asset, address paymentToken, Rbac[] calldata rbac) external {
        if (_isInitialized) revert InvalidInitialization();
        _isInitialized = true;
        _asset = asset;
        _assetType = IPayableAsset(asset).getERC20Metadata().securityType;
        _adoptPaymentToken(paymentToken);
        for (uint256 i = 0; i < rbac.length; ++i) {
            for (uint256 j = 0; j < rbac[i].members.length; ++j) _grant(rbac[i].role, rbac[i].members[j]);
        }
    }

    function executeDistribution(address asset, uint256 distributionID, uint256 pageIndex, uint256 pageLength)
        external
        onlyUnpaused
        onlyRole(PAYOUT_ROLE)
        onlyAsset(asset)
        returns (address[] memory failed, address[] memory succeeded, uint256[] memory paidAmount, bool executed)
    {
        Run memory run = _distributionRun(distributionID);
        address[] memory holders = _distributionHolders(distributionID, pageIndex, pageLength);
        Outcome memory o = _payAll(run, holders, _slots(holders, pageLength), _distributionAmount);
        emit DistributionExecuted(distributionID, pageIndex, pageLength, o.failed, o.succeeded, o.paid);
        return (o.failed, o.succeeded, o.paid, holders.length > 0);
    }

    function executeDistributionByAddresses(address asset, uint256 distributionID, address[] calldata holders)
        external
        onlyUnpaused
        onlyRole(PAYOUT_ROLE)
        onlyAsset(asset)
        returns (address[] memory failed, address[] memory succeeded, uint256[] memory paidAmount)
    {
        Outcome memory o = _payAll(_distributionRun(distributionID), holders, holders.length, _distributionAmount);
        emit DistributionByAddressesExecuted(distributionID, holders, o.failed, o.succeeded, o.paid);
        return (o.failed, o.succeeded, o.paid);
    }

    function executeAmountSnapshot(
        address asset,
        uint256 snapshotID,
        uint256 pageIndex,
        uint256 pageLength,
        uint256 amount
    )
        external
        onlyUnpaused
        onlyRole(PAYOUT_ROLE)
        onlyAsset(asset)
        returns (address[] memory failed, address[] memory succeeded, uint256[] memory paidAmount, bool executed)
    {
        address[] memory holders = IPayableAsset(asset).getTokenHoldersAtSnapshot(snapshotID, pageIndex, pageLength);
        Outcome memory o = _paySnapshot(_amountRun(snapshotID, amount), holders, pageLength);
        emit AmountSnapshotExecuted(snapshotID, pageIndex, pageLength, amount, o.failed, o.succeeded, o.paid);
        return (o.failed, o.succeeded, o.paid, holders.length > 0);
    }

    function executeAmountSnapshotByAddresses(
        address asset,
        uint256 snapshotID,
        address[] calldata holders,
        uint256 amount
    )
        external
        onlyUnpaused
        onlyRole(PAYOUT_ROLE)
        onlyAsset(asset)
        returns (address[] memory failed, address[] memory succeeded, uint256[] memory paidAmount)
    {
        Outcome memory o = _payAll(_amountRun(snapshotID, amount), holders, holders.length, _snapshotAmount);
        emit AmountSnapshotByAddressesExecuted(snapshotID, holders, amount, o.failed, o.succeeded, o.paid);
        return (o.failed, o.succeeded, o.paid);
    }

    function executePercentageSnapshot(
        address asset,
        uint256 snapshotID,
        uint256 pageIndex,
        uint256 pageLength,
        uint256 percentage
    )
        external
        onlyUnpaused
        onlyRole(PAYOUT_ROLE)
        onlyAsset(asset)
        returns (address[] memory failed, address[] memory succeeded, uint256[] memory paidAmount, bool executed)
    {
        if (percentage > FULL_PERCENTAGE) revert InvalidPercentage(percentage);
        address[] memory holders = IPayableAsset(asset).getTokenHoldersAtSnapshot(snapshotID, pageIndex, pageLength);
        Outcome memory o = _paySnapshot(_percentageRun(snapshotID, percentage), holders, pageLength);
        emit PercentageSnapshotExecuted(
            snapshotID, pageIndex, pageLength, percentage, o.failed, o.succeeded, o.paid
        );
        return (o.failed, o.succeeded, o.paid, holders.length > 0);
    }

    /// The deployed contract does not check the percentage here, so neither does this one.
    function executePercentageSnapshotByAddresses(
        address asset,
        uint256 snapshotID,
        address[] calldata holders,
        uint256 percentage
    )
        external
        onlyUnpaused
        onlyRole(PAYOUT_ROLE)
        onlyAsset(asset)
        returns (address[] memory failed, address[] memory succeeded, uint256[] memory paidAmount)
    {
        Run memory run = _percentageRun(snapshotID, percentage);
        Outcome memory o = _payAll(run, holders, holders.length, _snapshotAmount);
        emit PercentageSnapshotByAddressesExecuted(
            snapshotID, holders, percentage, o.failed, o.succeeded, o.paid
        );
        return (o.failed, o.succeeded, o.paid);
    }

    /// The live holder list shrinks with every holder cashed out: the next page to call is always page 0.
    function executeBondCashOut(address bond, uint256 pageIndex, uint256 pageLength)
        external
        onlyUnpaused
        onlyRole(CASHOUT_ROLE)
        onlyAsset(bond)
        onlyMatured
        returns (address[] memory failed, address[] memory succeeded, uint256[] memory paidAmount, bool executed)
    {
        address[] memory holders = IPayableAsset(bond).getSecurityHolders(pageIndex, pageLength);
        Outcome memory o = _cashOutAll(holders, _slots(holders, pageLength));
        emit CashOutExecuted(pageIndex, pageLength, o.failed, o.succeeded, o.paid);
        return (o.failed, o.succeeded, o.paid, holders.length > 0);
    }

    function executeBondCashOutByAddresses(address bond, address[] calldata holders)
        external
        onlyUnpaused
        onlyRole(CASHOUT_ROLE)
        onlyAsset(bond)
        onlyMatured
        returns (address[] memory failed, address[] memory succeeded, uint256[] memory paidAmount)
    {
        Outcome memory o = _cashOutAll(holders, holders.length);
        emit CashOutByAddressesExecuted(holders, o.failed, o.succeeded, o.paid);
        return (o.failed, o.succeeded, o.paid);
    }

    function transferPaymentToken(address to, uint256 amount) external onlyUnpaused onlyRole(TRANSFERER_ROLE) {
        if (_paymentToken.balanceOf(address(this)) < amount) revert NotEnoughBalance(amount);
        if (!_tryTransfer(to, amount)) revert TransferERC20TokenFailed(to, amount);
        emit PaymentTokenTransferred(to, amount);
    }

    function updatePaymentToken(address paymentToken)
        external
        onlyUnpaused
        onlyRole(PAYMENT_TOKEN_MANAGER_ROLE)
    {
        _adoptPaymentToken(paymentToken);
        emit PaymentTokenChanged(paymentToken);
    }

    function pause() external onlyUnpaused onlyRole(PAUSER_ROLE) returns (bool success) {
        _isPaused = true;
        emit LifeCycleCashFlowPaused(msg.sender);
        return true;
    }

    function unpause() external onlyRole(PAUSER_ROLE) returns (bool success) {
        if (!_isPaused) revert LifeCycleCashFlowIsUnpaused();
        _isPaused = false;
        emit LifeCycleCashFlowUnpaused(msg.sender);
        return true;
    }

    function isPaused() external view returns (bool) {
        return _isPaused;
    }

    function getPaymentToken() external view returns (address) {
        return address(_paymentToken);
    }

    function getPaymentTokenDecimals() external view returns (uint8) {
        return _paymentToken.decimals();
    }

    function _paySnapshot(Run memory run, address[] memory holders, uint256 pageLength)
        private
        returns (Outcome memory)
    {
        return _payAll(run, holders, _slots(holders, pageLength), _snapshotAmount);
    }

    /// An empty page answers with empty arrays, any other with arrays of the page's full length.
    function _slots(address[] memory holders, uint256 pageLength) private pure returns (uint256) {
        return holders.length == 0 ? 0 : pageLength;
    }

    /// Association is refused for a token this contract already had: there is no way back to an earlier one.
    function _adoptPaymentToken(address paymentToken) private {
        if (paymentToken == address(0)) revert InvalidPaymentToken(paymentToken);
        _paymentToken = IPaymentToken(paymentToken);
        int64 code = TOKEN_SERVICE.associateToken(address(this), paymentToken);
        if (code != TOKEN_SERVICE_SUCCESS) revert AssociateTokenFailed();
        emit TokenAssociated(paymentToken);
    }

    function _requireUnpaused() internal view override {
        if (_isPaused) revert LifeCycleCashFlowIsPaused();
    }
}
