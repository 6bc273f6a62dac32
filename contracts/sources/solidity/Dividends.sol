// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.22;

import {CorporateActions} from "./CorporateActions.sol";

abstract contract Dividends is CorporateActions {
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

    struct DividendAmountFor {
        uint256 numerator;
        uint256 denominator;
        bool recordDateReached;
    }

    struct DividendFor {
        uint256 tokenBalance;
        uint256 amount;
        uint8 amountDecimals;
        uint256 recordDate;
        uint256 executionDate;
        uint8 decimals;
        bool recordDateReached;
        bool isDisabled;
    }

    struct StoredDividend {
        Dividend terms;
        bytes32 actionId;
        bool isDisabled;
    }

    StoredDividend[] private _dividends;

    event DividendSet(
        bytes32 corporateActionId,
        uint256 dividendId,
        address indexed operator,
        uint256 indexed recordDate,
        uint256 indexed executionDate,
        uint256 amount,
        uint8 amountDecimals
    );
    event DividendCancelled(uint256 dividendId, address indexed operator);
    event DividendForceCancelled(uint256 dividendId, address indexed operator);

    function setDividend(Dividend calldata newDividend)
        external
        onlyUnpaused
        onlyRole(_roleId(Role.CORPORATE_ACTION))
        returns (uint256 dividendId)
    {
        if (!_isEquity()) revert WrongSecurityType(_terms.securityType);
        Dividend memory d = newDividend;
        bytes32 actionId = _newAction(d.recordDate, d.executionDate);
        _dividends.push(StoredDividend(d, actionId, false));
        dividendId = _dividends.length;
        emit DividendSet(
            actionId, dividendId, msg.sender, d.recordDate, d.executionDate, d.amount, d.amountDecimals
        );
    }

    /// Without an event: whoever pays must ask for the date again.
    function moveDividend(uint256 dividendId, uint256 executionDate)
        external
        onlyUnpaused
        onlyRole(_roleId(Role.CORPORATE_ACTION))
    {
        Dividend storage terms = _dividend(dividendId).terms;
        _checkMove(dividendId, terms.recordDate, terms.executionDate, executionDate);
        terms.executionDate = executionDate;
    }

    function cancelDividend(uint256 dividendId)
        external
        onlyUnpaused
        onlyRole(_roleId(Role.CORPORATE_ACTION))
        returns (bool success)
    {
        if (_dividend(dividendId).terms.executionDate <= block.timestamp) revert AlreadyExecuted(dividendId);
        _disableDividend(dividendId);
        emit DividendCancelled(dividendId, msg.sender);
        return true;
    }

    /// Also after the execution date.
    function forceCancelDividend(uint256 dividendId)
        external
        onlyUnpaused
        onlyRole(_roleId(Role.CORPORATE_ACTION))
        returns (bool success)
    {
        _disableDividend(dividendId);
        emit DividendForceCancelled(dividendId, msg.sender);
        return true;
    }

    function getDividendsCount() external view returns (uint256) {
        return _dividends.length;
    }

    function getDividend(uint256 dividendId)
        external
        view
        returns (RegisteredDividend memory registered, bool isDisabled)
    {
        StoredDividend storage stored = _dividend(dividendId);
        registered = RegisteredDividend(stored.terms, _actionSnapshots[stored.actionId]);
        return (registered, stored.isDisabled);
    }

    function getDividendFor(uint256 dividendId, address account) external view returns (DividendFor memory) {
        StoredDividend storage stored = _dividend(dividendId);
        Dividend memory terms = stored.terms;
        return DividendFor({
            tokenBalance: _recordBalance(terms.recordDate, stored.actionId, account),
            amount: terms.amount,
            amountDecimals: terms.amountDecimals,
            recordDate: terms.recordDate,
            executionDate: terms.executionDate,
            decimals: _terms.decimals,
            recordDateReached: _isReached(terms.recordDate),
            isDisabled: stored.isDisabled
        });
    }

    /// A cancelled dividend keeps its amount, as in the deployed contracts: whoever pays must look at isDisabled.
    function getDividendAmountFor(uint256 dividendId, address account)
        external
        view
        returns (DividendAmountFor memory result)
    {
        StoredDividend storage stored = _dividend(dividendId);
        Dividend memory terms = stored.terms;
        if (!_isReached(terms.recordDate)) return result;
        result.recordDateReached = true;
        result.numerator = _recordBalance(terms.recordDate, stored.actionId, account) * terms.amount;
        result.denominator = 10 ** (uint256(_terms.decimals) + terms.amountDecimals);
    }

    function getTotalDividendHolders(uint256 dividendId) external view returns (uint256) {
        StoredDividend storage stored = _dividend(dividendId);
        return _recordHolderCount(stored.terms.recordDate, stored.actionId);
    }

    function getDividendHolders(uint256 dividendId, uint256 pageIndex, uint256 pageLength)
        external
        view
        returns (address[] memory holders)
    {
        StoredDividend storage stored = _dividend(dividendId);
        return _recordHolders(stored.terms.recordDate, stored.actionId, pageIndex, pageLength);
    }

    function _dividend(uint256 dividendId) private view returns (StoredDividend storage) {
        if (dividendId == 0 || dividendId > _dividends.length) revert UnknownCorporateAction(dividendId);
        return _dividends[dividendId - 1];
    }

    function _disableDividend(uint256 dividendId) private {
        StoredDividend storage stored = _dividend(dividendId);
        if (stored.isDisabled) revert AlreadyCancelled(dividendId);
        stored.isDisabled = true;
    }
}
