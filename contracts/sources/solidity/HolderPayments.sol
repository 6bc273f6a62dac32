// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.22;

import {Fraction, IMaturity7, IMaturity8, IPayableAsset, IPaymentToken} from "./PayoutInterfaces.sol";
import {Roles} from "./Roles.sol";

/// Pays lists of holders one after the other. A holder who cannot be paid never stops the others.
abstract contract HolderPayments is Roles {
    uint8 internal constant EQUITY = 1;
    uint256 internal constant FULL_PERCENTAGE = 10_000; // two decimals

    /// One call's common ground: what is paid (key), and what every holder's amount is computed from.
    struct Run {
        bytes32 key;
        uint256 id;
        uint256 pool;
        uint256 divisor;
        uint256 unit;
    }

    /// The arrays have the full length of the page, are filled from the front and padded with zeros.
    struct Outcome {
        address[] failed;
        address[] succeeded;
        uint256[] paid;
        uint256 failedCount;
        uint256 succeededCount;
    }

    address internal _asset;
    uint8 internal _assetType;
    IPaymentToken internal _paymentToken;
    mapping(bytes32 key => mapping(address holder => bool)) private _isPaid;

    error NotPaymentDate(uint256 paymentDateInit, uint256 requestedDate);

    function _payAll(
        Run memory run,
        address[] memory holders,
        uint256 slots,
        function(Run memory, address) view returns (uint256) amountFor
    ) internal returns (Outcome memory outcome) {
        outcome = _emptyOutcome(slots);
        for (uint256 i = 0; i < holders.length; ++i) {
            address holder = holders[i];
            if (holder == address(0)) continue;
            if (_isPaid[run.key][holder]) {
                _noteFailed(outcome, holder);
                continue;
            }
            uint256 amount = amountFor(run, holder);
            if (!_tryPay(holder, amount)) {
                _noteFailed(outcome, holder);
                continue;
            }
            _isPaid[run.key][holder] = true;
            _notePaid(outcome, holder, amount);
        }
    }

    /// No paid flag here: what a holder was paid for is burnt. A refused burn reverts the whole call.
    function _cashOutAll(address[] memory holders, uint256 slots) internal returns (Outcome memory outcome) {
        outcome = _emptyOutcome(slots);
        uint256 unit = _paymentUnit();
        for (uint256 i = 0; i < holders.length; ++i) {
            address holder = holders[i];
            if (holder == address(0)) continue;
            Fraction memory principal = IPayableAsset(_asset).getPrincipalFor(holder);
            uint256 amount = principal.numerator * unit / principal.denominator;
            if (!_tryPay(holder, amount)) {
                _noteFailed(outcome, holder);
                continue;
            }
            IPayableAsset(_asset).fullRedeemAtMaturity(holder);
            _notePaid(outcome, holder, amount);
        }
    }

    function _distributionRun(uint256 distributionID) internal view returns (Run memory run) {
        uint256 payable_ = _executionDate(distributionID);
        if (block.timestamp < payable_) revert NotPaymentDate(payable_, block.timestamp);
        run.key = keccak256(abi.encode("distribution", distributionID));
        run.id = distributionID;
        run.unit = _paymentUnit();
    }

    function _amountRun(uint256 snapshotID, uint256 amount) internal view returns (Run memory) {
        return _snapshotRun(snapshotID, amount, 1);
    }

    /// The pool is what the contract holds as this call begins: a later call finds less.
    function _percentageRun(uint256 snapshotID, uint256 percentage) internal view returns (Run memory) {
        uint256 pool = _paymentToken.balanceOf(address(this)) * percentage;
        return _snapshotRun(snapshotID, pool, FULL_PERCENTAGE);
    }

    function _distributionAmount(Run memory run, address holder) internal view returns (uint256) {
        IPayableAsset.AmountFor memory due = _assetType == EQUITY
            ? IPayableAsset(_asset).getDividendAmountFor(run.id, holder)
            : IPayableAsset(_asset).getCouponAmountFor(run.id, holder);
        return due.numerator * run.unit / due.denominator;
    }

    function _snapshotAmount(Run memory run, address holder) internal view returns (uint256) {
        return run.pool * IPayableAsset(_asset).balanceOfAtSnapshot(run.id, holder) / run.divisor;
    }

    function _distributionHolders(uint256 distributionID, uint256 pageIndex, uint256 pageLength)
        internal
        view
        returns (address[] memory)
    {
        return _assetType == EQUITY
            ? IPayableAsset(_asset).getDividendHolders(distributionID, pageIndex, pageLength)
            : IPayableAsset(_asset).getCouponHolders(distributionID, pageIndex, pageLength);
    }

    /// 7.x has the date among the bond's details, 8.0 as a view of its own.
    function _maturityDate() internal view returns (uint256) {
        try IMaturity7(_asset).getBondDetails() returns (IMaturity7.BondDetails memory details) {
            return details.maturityDate;
        } catch {
            return IMaturity8(_asset).getMaturityDate();
        }
    }

    function _tryTransfer(address to, uint256 amount) internal returns (bool) {
        (bool success, bytes memory answer) =
            address(_paymentToken).call(abi.encodeCall(IPaymentToken.transfer, (to, amount)));
        return success && (answer.length == 0 || abi.decode(answer, (bool)));
    }

    /// The balance is read for every holder, as the deployed contract does: on Hedera each read is a child
    /// record of the transaction and counts against its limit.
    function _tryPay(address holder, uint256 amount) private returns (bool) {
        if (_paymentToken.balanceOf(address(this)) < amount) return false;
        return amount == 0 || _tryTransfer(holder, amount);
    }

    function _snapshotRun(uint256 snapshotID, uint256 pool, uint256 scale) private view returns (Run memory run) {
        run.key = keccak256(abi.encode("snapshot", snapshotID));
        run.id = snapshotID;
        run.pool = pool;
        run.divisor = scale * IPayableAsset(_asset).totalSupplyAtSnapshot(snapshotID);
    }

    function _executionDate(uint256 distributionID) private view returns (uint256) {
        if (_assetType == EQUITY) {
            (IPayableAsset.RegisteredDividend memory dividend,) = IPayableAsset(_asset).getDividend(distributionID);
            return dividend.dividend.executionDate;
        }
        (IPayableAsset.RegisteredCoupon memory coupon,) = IPayableAsset(_asset).getCoupon(distributionID);
        return coupon.coupon.executionDate;
    }

    function _paymentUnit() private view returns (uint256) {
        return 10 ** _paymentToken.decimals();
    }

    function _emptyOutcome(uint256 slots) private pure returns (Outcome memory outcome) {
        outcome.failed = new address[](slots);
        outcome.succeeded = new address[](slots);
        outcome.paid = new uint256[](slots);
    }

    function _noteFailed(Outcome memory outcome, address holder) private pure {
        outcome.failed[outcome.failedCount++] = holder;
    }

    function _notePaid(Outcome memory outcome, address holder, uint256 amount) private pure {
        outcome.succeeded[outcome.succeededCount] = holder;
        outcome.paid[outcome.succeededCount++] = amount;
    }
}
