// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.22;

/// An ERC-20 that answers transfers as a token of the Hedera Token Service would:
/// an account must be associated with it, not frozen and, where the token asks for it, have KYC.
contract PaymentToken {
    address internal constant TOKEN_SERVICE = address(0x167);

    struct Account {
        uint208 balance;
        bool isAssociated;
        bool isFrozen;
        bool hasKyc;
    }

    string public name;
    string public symbol;
    uint8 public immutable decimals;
    address public immutable owner;
    bool public kycRequired;
    bool public paused;
    uint256 public totalSupply;
    /// How many transfers of one transaction succeed; the others answer false. 0: all of them.
    uint256 public mostTransfers;

    uint256 private _transfers;
    uint256 private _countedBlock;
    uint256 private _gasLeft;

    mapping(address account => Account) private _accounts;
    mapping(address account => mapping(address spender => uint256)) public allowance;

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);
    event AssociationChanged(address indexed account, bool isAssociated);
    event FreezeChanged(address indexed account, bool isFrozen);
    event KycChanged(address indexed account, bool hasKyc);
    event KycRequirementChanged(bool isRequired);
    event PauseChanged(bool isPaused);

    error OnlyOwner(address caller);
    error OnlyTokenService(address caller);
    error LengthMismatch(uint256 accounts, uint256 amounts);
    error SupplyTooLarge();
    error InsufficientBalance(address account, uint256 balance, uint256 needed);
    error InsufficientAllowance(address spender, uint256 allowance, uint256 needed);
    error TokenIsPaused();
    error TokenNotAssociatedToAccount(address account);
    error AccountFrozenForToken(address account);
    error AccountKycNotGrantedForToken(address account);

    modifier onlyOwner() {
        if (msg.sender != owner) revert OnlyOwner(msg.sender);
        _;
    }

    constructor(string memory name_, string memory symbol_, uint8 decimals_, address owner_) {
        name = name_;
        symbol = symbol_;
        decimals = decimals_;
        owner = owner_;
        _associate(owner_);
        _setKyc(owner_, true);
    }

    function mint(address to, uint256 amount) external onlyOwner {
        _mint(to, amount);
    }

    function mintMany(address[] calldata to, uint256[] calldata amounts) external onlyOwner {
        if (to.length != amounts.length) revert LengthMismatch(to.length, amounts.length);
        for (uint256 i = 0; i < to.length; ++i) _mint(to[i], amounts[i]);
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        if (!_hasRoom()) return false;
        _move(msg.sender, to, amount);
        return true;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        emit Approval(msg.sender, spender, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        uint256 allowed = allowance[from][msg.sender];
        if (allowed < amount) revert InsufficientAllowance(msg.sender, allowed, amount);
        allowance[from][msg.sender] = allowed - amount;
        _move(from, to, amount);
        return true;
    }

    /// An account associates itself.
    function associate() external {
        _associate(msg.sender);
    }

    function associateMany(address[] calldata accounts) external onlyOwner {
        for (uint256 i = 0; i < accounts.length; ++i) _associate(accounts[i]);
    }

    /// The token service associates on an account's behalf; answers false if it was associated before.
    function associateByService(address account) external returns (bool isNew) {
        if (msg.sender != TOKEN_SERVICE) revert OnlyTokenService(msg.sender);
        isNew = !_accounts[account].isAssociated;
        if (isNew) _associate(account);
    }

    function dissociate(address account) external onlyOwner {
        _accounts[account].isAssociated = false;
        emit AssociationChanged(account, false);
    }

    function setFrozen(address account, bool isFrozen_) external onlyOwner {
        _accounts[account].isFrozen = isFrozen_;
        emit FreezeChanged(account, isFrozen_);
    }

    function setKyc(address account, bool hasKyc_) external onlyOwner {
        _setKyc(account, hasKyc_);
    }

    function setKycMany(address[] calldata accounts, bool hasKyc_) external onlyOwner {
        for (uint256 i = 0; i < accounts.length; ++i) _setKyc(accounts[i], hasKyc_);
    }

    function setKycRequired(bool isRequired) external onlyOwner {
        kycRequired = isRequired;
        emit KycRequirementChanged(isRequired);
    }

    function setPaused(bool isPaused) external onlyOwner {
        paused = isPaused;
        emit PauseChanged(isPaused);
    }

    /// As a token service that runs out of room in the middle of a call and says no more than that it failed.
    function setMostTransfers(uint256 most) external onlyOwner {
        mostTransfers = most;
        _transfers = 0;
    }

    function balanceOf(address account) public view returns (uint256) {
        return _accounts[account].balance;
    }

    function isAssociated(address account) external view returns (bool) {
        return _accounts[account].isAssociated;
    }

    function isFrozen(address account) external view returns (bool) {
        return _accounts[account].isFrozen;
    }

    /// The grant itself; it matters only while kycRequired.
    function hasKyc(address account) external view returns (bool) {
        return _accounts[account].hasKyc;
    }

    function _associate(address account) private {
        if (_accounts[account].isAssociated) return;
        _accounts[account].isAssociated = true;
        emit AssociationChanged(account, true);
    }

    function _setKyc(address account, bool hasKyc_) private {
        _accounts[account].hasKyc = hasKyc_;
        emit KycChanged(account, hasKyc_);
    }

    function _mint(address to, uint256 amount) private {
        _requireUsable(to);
        totalSupply += amount;
        if (totalSupply > type(uint208).max) revert SupplyTooLarge();
        _accounts[to].balance += uint208(amount);
        emit Transfer(address(0), to, amount);
    }

    function _move(address from, address to, uint256 amount) private {
        _requireUsable(from);
        _requireUsable(to);
        uint256 balance = balanceOf(from);
        if (balance < amount) revert InsufficientBalance(from, balance, amount);
        _accounts[from].balance = uint208(balance - amount);
        _accounts[to].balance += uint208(amount);
        emit Transfer(from, to, amount);
    }

    /// A transaction cannot be told by its number here, but within one the gas only becomes less.
    function _hasRoom() private returns (bool) {
        if (mostTransfers == 0) return true;
        if (block.number != _countedBlock || gasleft() > _gasLeft) _transfers = 0;
        (_countedBlock, _gasLeft) = (block.number, gasleft());
        return ++_transfers <= mostTransfers;
    }

    function _requireUsable(address account) private view {
        if (paused) revert TokenIsPaused();
        Account memory state = _accounts[account];
        if (!state.isAssociated) revert TokenNotAssociatedToAccount(account);
        if (state.isFrozen) revert AccountFrozenForToken(account);
        if (kycRequired && !state.hasKyc) revert AccountKycNotGrantedForToken(account);
    }
}
