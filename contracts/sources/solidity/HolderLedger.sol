// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.22;

import {History} from "./History.sol";
import {Page} from "./Page.sol";

/// Balances, the holder list and both as they were at any snapshot.
/// Taking a snapshot only raises a counter. What it shows is kept when it is about to change: the balance
/// of an account, the holder in a slot of the list, the length of the list, the supply. The list at a
/// snapshot is therefore exact, order included, also for holders who left afterwards.
abstract contract HolderLedger {
    using History for History.Entry[];

    struct Account {
        uint208 balance;
        uint48 position; // slot in the holder list plus one; 0 means "not a holder"
    }

    struct HolderBalance {
        address holder;
        uint256 balance;
    }

    uint256 internal _snapshotCount;
    uint256 private _supply;
    address[] private _holders;
    mapping(address holder => Account) private _accounts;
    mapping(address holder => uint256) private _frozen;

    History.Entry[] private _supplyHistory;
    History.Entry[] private _countHistory;
    mapping(uint256 slot => History.Entry[]) private _slotHistory;
    mapping(address holder => History.Entry[]) private _balanceHistory;
    mapping(address holder => History.Entry[]) private _frozenHistory;

    event Transfer(address indexed from, address indexed to, uint256 value);

    error InsufficientBalance(address holder, uint256 balance, uint256 needed);
    error SupplyTooLarge();
    error SnapshotIdNull();
    error SnapshotIdDoesNotExists(uint256 snapshotID);
    error ZeroAddress();

    modifier existingSnapshot(uint256 snapshotID) {
        if (snapshotID == 0) revert SnapshotIdNull();
        if (snapshotID > _snapshotCount) revert SnapshotIdDoesNotExists(snapshotID);
        _;
    }

    function totalSupply() public view returns (uint256) {
        return _supply;
    }

    /// What the holder can move: frozen tokens are not part of it.
    function balanceOf(address account) public view returns (uint256) {
        return _accounts[account].balance - _frozen[account];
    }

    function getTotalBalanceFor(address account) public view returns (uint256) {
        return _accounts[account].balance;
    }

    function getFrozenTokens(address account) public view returns (uint256) {
        return _frozen[account];
    }

    function getTotalSecurityHolders() public view returns (uint256 count) {
        return _holders.length;
    }

    function getSecurityHolders(uint256 pageIndex, uint256 pageLength) public view returns (address[] memory holders) {
        (uint256 start, uint256 count) = Page.bounds(pageIndex, pageLength, _holders.length);
        holders = new address[](count);
        for (uint256 i = 0; i < count; ++i) holders[i] = _holders[start + i];
    }

    function totalSupplyAtSnapshot(uint256 snapshotID)
        public
        view
        existingSnapshot(snapshotID)
        returns (uint256)
    {
        return _supplyHistory.at(snapshotID, _supply);
    }

    function balanceOfAtSnapshot(uint256 snapshotID, address holder) public view returns (uint256) {
        return _totalBalanceAt(snapshotID, holder) - frozenBalanceOfAtSnapshot(snapshotID, holder);
    }

    function frozenBalanceOfAtSnapshot(uint256 snapshotID, address holder)
        public
        view
        existingSnapshot(snapshotID)
        returns (uint256)
    {
        return _frozenHistory[holder].at(snapshotID, _frozen[holder]);
    }

    function getTotalTokenHoldersAtSnapshot(uint256 snapshotID)
        public
        view
        existingSnapshot(snapshotID)
        returns (uint256)
    {
        return _countHistory.at(snapshotID, _holders.length);
    }

    function getTokenHoldersAtSnapshot(uint256 snapshotID, uint256 pageIndex, uint256 pageLength)
        public
        view
        returns (address[] memory holders)
    {
        uint256 total = getTotalTokenHoldersAtSnapshot(snapshotID);
        (uint256 start, uint256 count) = Page.bounds(pageIndex, pageLength, total);
        holders = new address[](count);
        for (uint256 i = 0; i < count; ++i) holders[i] = _holderAt(snapshotID, start + i);
    }

    function balancesOfAtSnapshot(uint256 snapshotID, uint256 pageIndex, uint256 pageLength)
        external
        view
        returns (HolderBalance[] memory balances)
    {
        address[] memory holders = getTokenHoldersAtSnapshot(snapshotID, pageIndex, pageLength);
        balances = new HolderBalance[](holders.length);
        for (uint256 i = 0; i < holders.length; ++i) {
            balances[i] = HolderBalance(holders[i], balanceOfAtSnapshot(snapshotID, holders[i]));
        }
    }

    function _totalBalanceAt(uint256 snapshotID, address holder)
        internal
        view
        existingSnapshot(snapshotID)
        returns (uint256)
    {
        return _balanceHistory[holder].at(snapshotID, _accounts[holder].balance);
    }

    function _holderAt(uint256 snapshotID, uint256 slot) private view returns (address) {
        address live = slot < _holders.length ? _holders[slot] : address(0);
        return address(uint160(_slotHistory[slot].at(snapshotID, uint160(live))));
    }

    function _issue(address to, uint256 amount) internal {
        uint256 supply = _supply + amount;
        if (supply > type(uint208).max) revert SupplyTooLarge();
        _supplyHistory.keep(_snapshotCount, _supply);
        _supply = supply;
        _credit(to, amount);
        emit Transfer(address(0), to, amount);
    }

    function _destroy(address from, uint256 amount) internal {
        _debit(from, amount);
        _supplyHistory.keep(_snapshotCount, _supply);
        _supply -= amount;
        emit Transfer(from, address(0), amount);
    }

    function _move(address from, address to, uint256 amount) internal {
        _debit(from, amount);
        _credit(to, amount);
        emit Transfer(from, to, amount);
    }

    function _setFrozen(address account, uint256 amount) internal {
        uint256 balance = _accounts[account].balance;
        if (amount > balance) revert InsufficientBalance(account, balance, amount);
        _frozenHistory[account].keep(_snapshotCount, _frozen[account]);
        _frozen[account] = amount;
    }

    function _credit(address to, uint256 amount) private {
        if (to == address(0)) revert ZeroAddress();
        _setBalance(to, _accounts[to].balance + amount);
    }

    function _debit(address from, uint256 amount) private {
        uint256 free = balanceOf(from);
        if (free < amount) revert InsufficientBalance(from, free, amount);
        _setBalance(from, _accounts[from].balance - amount);
    }

    function _setBalance(address holder, uint256 balance) private {
        Account memory account = _accounts[holder];
        _balanceHistory[holder].keep(_snapshotCount, account.balance);
        account.balance = uint208(balance);
        if (balance > 0 && account.position == 0) {
            account.position = _enlist(holder);
        } else if (balance == 0 && account.position != 0) {
            _delist(account.position);
            account.position = 0;
        }
        _accounts[holder] = account;
    }

    /// The new slot needs no history: at earlier snapshots it lies beyond the end of the list.
    function _enlist(address holder) private returns (uint48 position) {
        _countHistory.keep(_snapshotCount, _holders.length);
        _holders.push(holder);
        return uint48(_holders.length);
    }

    function _delist(uint48 position) private {
        uint256 slot = position - 1;
        uint256 last = _holders.length - 1;
        address moved = _holders[last];
        _countHistory.keep(_snapshotCount, last + 1);
        _slotHistory[last].keep(_snapshotCount, uint160(moved));
        if (slot != last) {
            _slotHistory[slot].keep(_snapshotCount, uint160(_holders[slot]));
            _holders[slot] = moved;
            _accounts[moved].position = position;
        }
        _holders.pop();
    }
}
