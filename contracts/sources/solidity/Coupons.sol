// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.22;

import {CorporateActions} from "./CorporateActions.sol";

abstract contract Coupons is CorporateActions {
    struct Coupon {
        uint256 recordDate;
        uint256 executionDate;
        uint256 startDate;
        uint256 endDate;
        uint256 fixingDate;
        uint256 rate;
        uint8 rateDecimals;
        uint8 rateStatus;
    }

    struct RegisteredCoupon {
        Coupon coupon;
        uint256 snapshotId;
    }

    struct CouponAmountFor {
        uint256 numerator;
        uint256 denominator;
        bool recordDateReached;
    }

    struct CouponFor {
        uint256 tokenBalance;
        uint8 decimals;
        uint256 nominalValue;
        uint256 nominalValueDecimals;
        bool recordDateReached;
        Coupon coupon;
        CouponAmountFor couponAmount;
        bool isDisabled;
    }

    struct StoredCoupon {
        Coupon terms;
        bytes32 actionId;
        bool isDisabled;
    }

    StoredCoupon[] private _coupons;

    event CouponSet(
        bytes32 indexed corporateActionId, uint256 indexed couponId, address indexed operator, Coupon coupon
    );
    event CouponCancelled(uint256 indexed couponId, address indexed operator);
    event CouponForceCancelled(uint256 indexed couponId, address indexed operator);

    function setCoupon(Coupon calldata newCoupon)
        external
        onlyUnpaused
        onlyRole(_roleId(Role.CORPORATE_ACTION))
        returns (uint256 couponID)
    {
        if (_isEquity()) revert WrongSecurityType(_terms.securityType);
        if (newCoupon.endDate < newCoupon.startDate) revert WrongDates(newCoupon.startDate, newCoupon.endDate);
        bytes32 actionId = _newAction(newCoupon.recordDate, newCoupon.executionDate);
        _coupons.push(StoredCoupon(newCoupon, actionId, false));
        couponID = _coupons.length;
        emit CouponSet(actionId, couponID, msg.sender, newCoupon);
    }

    /// Without an event: whoever pays must ask for the date again.
    function moveCoupon(uint256 couponID, uint256 executionDate)
        external
        onlyUnpaused
        onlyRole(_roleId(Role.CORPORATE_ACTION))
    {
        Coupon storage terms = _coupon(couponID).terms;
        _checkMove(couponID, terms.recordDate, terms.executionDate, executionDate);
        terms.executionDate = executionDate;
    }

    function cancelCoupon(uint256 couponID)
        external
        onlyUnpaused
        onlyRole(_roleId(Role.CORPORATE_ACTION))
        returns (bool success)
    {
        if (_coupon(couponID).terms.executionDate <= block.timestamp) revert AlreadyExecuted(couponID);
        _disableCoupon(couponID);
        emit CouponCancelled(couponID, msg.sender);
        return true;
    }

    /// Also after the execution date.
    function forceCancelCoupon(uint256 couponID)
        external
        onlyUnpaused
        onlyRole(_roleId(Role.CORPORATE_ACTION))
        returns (bool success)
    {
        _disableCoupon(couponID);
        emit CouponForceCancelled(couponID, msg.sender);
        return true;
    }

    function getCouponCount() external view returns (uint256) {
        return _coupons.length;
    }

    function getCoupon(uint256 couponID)
        external
        view
        returns (RegisteredCoupon memory registered, bool isDisabled)
    {
        StoredCoupon storage stored = _coupon(couponID);
        registered = RegisteredCoupon(stored.terms, _actionSnapshots[stored.actionId]);
        return (registered, stored.isDisabled);
    }

    function getCouponFor(uint256 couponID, address account) external view returns (CouponFor memory) {
        return _couponFor(_coupon(couponID), account);
    }

    function getCouponsFor(uint256 couponID, uint256 pageIndex, uint256 pageLength)
        external
        view
        returns (CouponFor[] memory coupons, address[] memory holders)
    {
        StoredCoupon storage stored = _coupon(couponID);
        holders = _recordHolders(stored.terms.recordDate, stored.actionId, pageIndex, pageLength);
        coupons = new CouponFor[](holders.length);
        for (uint256 i = 0; i < holders.length; ++i) coupons[i] = _couponFor(stored, holders[i]);
    }

    function getCouponAmountFor(uint256 couponID, address account) external view returns (CouponAmountFor memory) {
        return _couponAmountFor(_coupon(couponID), account);
    }

    function getTotalCouponHolders(uint256 couponID) external view returns (uint256) {
        StoredCoupon storage stored = _coupon(couponID);
        return _recordHolderCount(stored.terms.recordDate, stored.actionId);
    }

    function getCouponHolders(uint256 couponID, uint256 pageIndex, uint256 pageLength)
        external
        view
        returns (address[] memory holders)
    {
        StoredCoupon storage stored = _coupon(couponID);
        return _recordHolders(stored.terms.recordDate, stored.actionId, pageIndex, pageLength);
    }

    function _couponFor(StoredCoupon storage stored, address account) private view returns (CouponFor memory) {
        Coupon memory terms = stored.terms;
        return CouponFor({
            tokenBalance: _recordBalance(terms.recordDate, stored.actionId, account),
            decimals: _terms.decimals,
            nominalValue: _terms.nominalValue,
            nominalValueDecimals: _terms.nominalValueDecimals,
            recordDateReached: _isReached(terms.recordDate),
            coupon: terms,
            couponAmount: _couponAmountFor(stored, account),
            isDisabled: stored.isDisabled
        });
    }

    /// A cancelled coupon answers 0/0, as in the deployed contracts: paying it divides by zero.
    function _couponAmountFor(StoredCoupon storage stored, address account)
        private
        view
        returns (CouponAmountFor memory result)
    {
        Coupon memory terms = stored.terms;
        result.recordDateReached = _isReached(terms.recordDate);
        if (!result.recordDateReached || stored.isDisabled) return result;
        uint256 balance = _recordBalance(terms.recordDate, stored.actionId, account);
        result.numerator = balance * _terms.nominalValue * terms.rate * (terms.endDate - terms.startDate);
        uint256 decimals = uint256(_terms.decimals) + _terms.nominalValueDecimals + terms.rateDecimals;
        result.denominator = 10 ** decimals * 365 days;
    }

    function _coupon(uint256 couponID) private view returns (StoredCoupon storage) {
        if (couponID == 0 || couponID > _coupons.length) revert UnknownCorporateAction(couponID);
        return _coupons[couponID - 1];
    }

    function _disableCoupon(uint256 couponID) private {
        StoredCoupon storage stored = _coupon(couponID);
        if (stored.isDisabled) revert AlreadyCancelled(couponID);
        stored.isDisabled = true;
    }
}
