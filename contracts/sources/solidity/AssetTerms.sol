// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.22;

/// The order is part of the interface: it is what getERC20Metadata().securityType answers.
enum SecurityType {
    BOND_VARIABLE_RATE,
    EQUITY,
    BOND_FIXED_RATE,
    BOND_KPI_LINKED_RATE,
    BOND_SPT_RATE
}

/// What an asset is, given once to the constructor. An equity leaves the dates at 0.
struct AssetTerms {
    string name;
    string symbol;
    string isin;
    uint8 decimals;
    SecurityType securityType;
    bytes3 currency;
    uint256 nominalValue;
    uint8 nominalValueDecimals;
    uint256 startingDate;
    uint256 maturityDate;
}
