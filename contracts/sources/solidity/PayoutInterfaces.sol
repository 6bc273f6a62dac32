// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.22;

interface ITokenService {
    function associateToken(address account, address token) external returns (int64 responseCode);
}

interface IPaymentToken {
    function balanceOf(address account) external view returns (uint256);
    function decimals() external view returns (uint8);
    function transfer(address to, uint256 amount) external returns (bool);
}

/// numerator and denominator of an amount in whole payment tokens.
struct Fraction {
    uint256 numerator;
    uint256 denominator;
}

/// What the payout contract reads of an asset, in both interface versions.
interface IPayableAsset {
    struct Info {
        string name;
        string symbol;
        string isin;
        uint8 decimals;
    }

    struct Metadata {
        Info info;
        uint8 securityType;
    }

    struct Dividend {
        uint256 recordDate;
        uint256 executionDate;
        uint256 amount;
        uint8 amountDecimals;
    }

    struct RegisteredDividend {
        Dividend dividend;
        uint256 snapshotId;
    }

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

    struct AmountFor {
        uint256 numerator;
        uint256 denominator;
        bool recordDateReached;
    }

    function getERC20Metadata() external view returns (Metadata memory);
    function totalSupplyAtSnapshot(uint256 snapshotID) external view returns (uint256);
    function balanceOfAtSnapshot(uint256 snapshotID, address holder) external view returns (uint256);
    function getTokenHoldersAtSnapshot(uint256 snapshotID, uint256 pageIndex, uint256 pageLength)
        external
        view
        returns (address[] memory);
    function getSecurityHolders(uint256 pageIndex, uint256 pageLength) external view returns (address[] memory);
    function getDividend(uint256 dividendID) external view returns (RegisteredDividend memory, bool isDisabled);
    function getDividendAmountFor(uint256 dividendID, address holder) external view returns (AmountFor memory);
    function getDividendHolders(uint256 dividendID, uint256 pageIndex, uint256 pageLength)
        external
        view
        returns (address[] memory);
    function getCoupon(uint256 couponID) external view returns (RegisteredCoupon memory, bool isDisabled);
    function getCouponAmountFor(uint256 couponID, address holder) external view returns (AmountFor memory);
    function getCouponHolders(uint256 couponID, uint256 pageIndex, uint256 pageLength)
        external
        view
        returns (address[] memory);
    function getPrincipalFor(address holder) external view returns (Fraction memory);
    function fullRedeemAtMaturity(address holder) external;
}

interface IMaturity7 {
    struct BondDetails {
        bytes3 currency;
        uint256 nominalValue;
        uint8 nominalValueDecimals;
        uint256 startingDate;
        uint256 maturityDate;
    }

    function getBondDetails() external view returns (BondDetails memory);
}

interface IMaturity8 {
    function getMaturityDate() external view returns (uint256);
}
