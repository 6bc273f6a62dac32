// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.22;

interface IAssociable {
    function associateByService(address account) external returns (bool isNew);
}

/// Stands at 0x167, where Hedera has its token service. Answers response codes and never reverts.
contract HtsStub {
    int64 internal constant SUCCESS = 22;
    int64 internal constant INVALID_TOKEN_ID = 167;
    int64 internal constant TOKEN_ALREADY_ASSOCIATED_TO_ACCOUNT = 194;

    function associateToken(address account, address token) external returns (int64 responseCode) {
        if (token.code.length == 0) return INVALID_TOKEN_ID;
        try IAssociable(token).associateByService(account) returns (bool isNew) {
            return isNew ? SUCCESS : TOKEN_ALREADY_ASSOCIATED_TO_ACCOUNT;
        } catch {
            return INVALID_TOKEN_ID;
        }
    }
}
