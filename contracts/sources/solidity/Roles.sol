// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.22;

import {Page} from "./Page.sol";

/// Role-based access with member lists, as the deployed asset and payout contracts expose it.
abstract contract Roles {
    bytes32 internal constant DEFAULT_ADMIN_ROLE = 0x00;

    mapping(bytes32 role => address[]) private _members;
    /// Place in the member list plus one; 0 means "has not the role".
    mapping(bytes32 role => mapping(address account => uint256)) private _positions;
    mapping(address account => uint256) private _roleCounts;

    event RoleGranted(address indexed operator, address indexed account, bytes32 indexed role);
    event RoleRevoked(address indexed operator, address indexed account, bytes32 indexed role);
    event RoleRenounced(address indexed account, bytes32 indexed role);

    error AccountHasNoRole(address account, bytes32 role);
    error AccountAssignedToRole(bytes32 role, address account);
    error AccountNotAssignedToRole(bytes32 role, address account);

    modifier onlyRole(bytes32 role) {
        if (!hasRole(role, msg.sender)) revert AccountHasNoRole(msg.sender, role);
        _;
    }

    /// Every change of state, of roles too, needs the contract not to be paused.
    modifier onlyUnpaused() {
        _requireUnpaused();
        _;
    }

    function grantRole(bytes32 role, address account)
        external
        onlyUnpaused
        onlyRole(DEFAULT_ADMIN_ROLE)
        returns (bool success)
    {
        if (hasRole(role, account)) revert AccountAssignedToRole(role, account);
        _grant(role, account);
        return true;
    }

    function revokeRole(bytes32 role, address account)
        external
        onlyUnpaused
        onlyRole(DEFAULT_ADMIN_ROLE)
        returns (bool success)
    {
        _remove(role, account);
        emit RoleRevoked(msg.sender, account, role);
        return true;
    }

    function renounceRole(bytes32 role) external onlyUnpaused returns (bool success) {
        _remove(role, msg.sender);
        emit RoleRenounced(msg.sender, role);
        return true;
    }

    function hasRole(bytes32 role, address account) public view returns (bool) {
        return _positions[role][account] != 0;
    }

    function getRoleCountFor(address account) external view returns (uint256) {
        return _roleCounts[account];
    }

    function getRoleMemberCount(bytes32 role) external view returns (uint256) {
        return _members[role].length;
    }

    function getRoleMembers(bytes32 role, uint256 pageIndex, uint256 pageLength)
        external
        view
        returns (address[] memory members)
    {
        (uint256 start, uint256 count) = Page.bounds(pageIndex, pageLength, _members[role].length);
        members = new address[](count);
        for (uint256 i = 0; i < count; ++i) members[i] = _members[role][start + i];
    }

    function _grant(bytes32 role, address account) internal {
        if (hasRole(role, account)) return;
        _members[role].push(account);
        _positions[role][account] = _members[role].length;
        ++_roleCounts[account];
        emit RoleGranted(msg.sender, account, role);
    }

    function _remove(bytes32 role, address account) private {
        uint256 position = _positions[role][account];
        if (position == 0) revert AccountNotAssignedToRole(role, account);
        address[] storage members = _members[role];
        address last = members[members.length - 1];
        members[position - 1] = last;
        _positions[role][last] = position;
        members.pop();
        delete _positions[role][account];
        --_roleCounts[account];
    }

    function _requireUnpaused() internal view virtual;
}
