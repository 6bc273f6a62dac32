// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.22;

import {AssetTerms} from "./AssetTerms.sol";
import {AssetTokenBase} from "./AssetTokenBase.sol";

/// The asset under its 7.x names.
contract AssetToken is AssetTokenBase {
    struct BondDetails {
        bytes3 currency;
        uint256 nominalValue;
        uint8 nominalValueDecimals;
        uint256 startingDate;
        uint256 maturityDate;
    }

    event TokenPaused(address indexed operator);
    event TokenUnpaused(address indexed operator);

    constructor(AssetTerms memory terms, address admin) AssetTokenBase(terms, admin) {}

    function isPaused() external view returns (bool) {
        return _isPaused;
    }

    function getBondDetails() external view returns (BondDetails memory details) {
        return BondDetails(
            _terms.currency,
            _terms.nominalValue,
            _terms.nominalValueDecimals,
            _terms.startingDate,
            _terms.maturityDate
        );
    }

    function _announcePause(bool isPaused_) internal override {
        if (isPaused_) emit TokenPaused(msg.sender);
        else emit TokenUnpaused(msg.sender);
    }

    /// The numbers deployed 7.x contracts use.
    function _roleId(Role role) internal pure override returns (bytes32) {
        if (role == Role.ISSUER) return 0x4be32e8849414d19186807008dabd451c1d87dae5f8e22f32f5ce94d486da842;
        if (role == Role.SNAPSHOT) return 0x3fbb44760c0954eea3f6cb9f1f210568f5ae959dcbbef66e72f749dbaa7cc2da;
        if (role == Role.CORPORATE_ACTION) return 0x8a139eeb747b9809192ae3de1b88acfd2568c15241a5c4f85db0443a536d77d6;
        if (role == Role.PAUSER) return 0x6f65556918c1422809d0d567462eafeb371be30159d74b38ac958dc58864faeb;
        if (role == Role.FREEZE_MANAGER) return 0xd0e5294c1fc630933e135c5b668c5d577576754d33964d700bbbcdbfd7e1361b;
        if (role == Role.KYC) return 0x6fbd421e041603fa367357d79ffc3b2f9fd37a6fc4eec661aa5537a9ae75f93d;
        return 0xa0d696902e9ed231892dc96649f0c62b808a1cb9dd1269e78e0adc1cc4b8358c;
    }
}
