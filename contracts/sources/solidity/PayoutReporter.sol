// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.22;

/// Reports what a payout tool did elsewhere; it holds no money and pays nobody. Its DistributionExecuted is
/// another event than the payout contract's of the same name: other arguments, hence another first topic.
contract PayoutReporter {
    enum Kind {
        DISTRIBUTION_EXECUTED,
        PAYOUT_COMPLETED,
        HOLDER_BALANCE_UPDATED
    }

    /// `subject` is a distribution, a batch, or a holder's address as a number; a balance has no `second`.
    struct Report {
        Kind kind;
        bytes32 subject;
        uint256 first;
        uint256 second;
    }

    address public immutable owner;

    event DistributionExecuted(bytes32 indexed distributionId, uint256 totalAmount, uint256 holdersCount);
    event PayoutCompleted(bytes32 indexed batchId, uint256 successfulPayments, uint256 failedPayments);
    event HolderBalanceUpdated(address indexed holder, uint256 newBalance);

    error OnlyOwner(address caller);

    modifier onlyOwner() {
        if (msg.sender != owner) revert OnlyOwner(msg.sender);
        _;
    }

    constructor(address owner_) {
        owner = owner_;
    }

    function reportDistribution(bytes32 distributionId, uint256 totalAmount, uint256 holdersCount)
        external
        onlyOwner
    {
        emit DistributionExecuted(distributionId, totalAmount, holdersCount);
    }

    function reportPayout(bytes32 batchId, uint256 successfulPayments, uint256 failedPayments) external onlyOwner {
        emit PayoutCompleted(batchId, successfulPayments, failedPayments);
    }

    function reportBalance(address holder, uint256 newBalance) external onlyOwner {
        emit HolderBalanceUpdated(holder, newBalance);
    }

    /// All in one transaction, one log each, in this order.
    function reportMany(Report[] calldata reports) external onlyOwner {
        for (uint256 i = 0; i < reports.length; ++i) _report(reports[i]);
    }

    function _report(Report calldata report) private {
        if (report.kind == Kind.DISTRIBUTION_EXECUTED) {
            emit DistributionExecuted(report.subject, report.first, report.second);
        } else if (report.kind == Kind.PAYOUT_COMPLETED) {
            emit PayoutCompleted(report.subject, report.first, report.second);
        } else {
            emit HolderBalanceUpdated(address(uint160(uint256(report.subject))), report.first);
        }
    }
}
