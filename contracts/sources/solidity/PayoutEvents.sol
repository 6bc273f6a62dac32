// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.22;

/// The only way to learn later who was paid what: there is no view for it. Nothing in them is indexed
/// but the operator of a pause, so a reader filters by the first topic and the contract alone.
abstract contract PayoutEvents {
    event DistributionExecuted(
        uint256 distributionID,
        uint256 pageIndex,
        uint256 pageLength,
        address[] failed,
        address[] succeeded,
        uint256[] paidAmount
    );
    event DistributionByAddressesExecuted(
        uint256 distributionID, address[] holders, address[] failed, address[] succeeded, uint256[] paidAmount
    );
    event CashOutExecuted(
        uint256 pageIndex, uint256 pageLength, address[] failed, address[] succeeded, uint256[] paidAmount
    );
    event CashOutByAddressesExecuted(
        address[] holders, address[] failed, address[] succeeded, uint256[] paidAmount
    );
    event AmountSnapshotExecuted(
        uint256 snapshotID,
        uint256 pageIndex,
        uint256 pageLength,
        uint256 amount,
        address[] failed,
        address[] succeeded,
        uint256[] paidAmount
    );
    event AmountSnapshotByAddressesExecuted(
        uint256 snapshotID,
        address[] holders,
        uint256 amount,
        address[] failed,
        address[] succeeded,
        uint256[] paidAmount
    );
    event PercentageSnapshotExecuted(
        uint256 snapshotID,
        uint256 pageIndex,
        uint256 pageLength,
        uint256 percentage,
        address[] failed,
        address[] succeeded,
        uint256[] paidAmount
    );
    event PercentageSnapshotByAddressesExecuted(
        uint256 snapshotID,
        address[] holders,
        uint256 percentage,
        address[] failed,
        address[] succeeded,
        uint256[] paidAmount
    );
    event PaymentTokenTransferred(address to, uint256 amount);
    event PaymentTokenChanged(address paymentToken);
    event TokenAssociated(address token);
    event LifeCycleCashFlowPaused(address indexed operator);
    event LifeCycleCashFlowUnpaused(address indexed operator);
}
