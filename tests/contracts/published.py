"""Selectors and topics of the deployed contracts, as published: what our artifacts and our encoder must give."""

SELECTORS = {
    "LifeCycleCashFlow": {
        "executeDistribution": "09c57f63",
        "executeDistributionByAddresses": "417dc389",
        "executeAmountSnapshot": "c90ab037",
        "executeAmountSnapshotByAddresses": "4e176347",
        "executePercentageSnapshot": "b85622e9",
        "executePercentageSnapshotByAddresses": "507720c0",
        "executeBondCashOut": "c15b868d",
        "executeBondCashOutByAddresses": "919ab357",
        "transferPaymentToken": "609efbe5",
        "updatePaymentToken": "4ccf1b34",
        "getPaymentToken": "d41c3a65",
        "getPaymentTokenDecimals": "1436c06b",
        "pause": "8456cb59",
        "unpause": "3f4ba83a",
        "isPaused": "b187bd26",
    },
    "AssetToken": {
        "takeSnapshot": "b3d3d37e",
        "getTotalTokenHoldersAtSnapshot": "867126e1",
        "getTokenHoldersAtSnapshot": "d22a73df",
        "balanceOfAtSnapshot": "8e00ae2e",
        "balancesOfAtSnapshot": "e956875c",
        "totalSupplyAtSnapshot": "da35f8f6",
        "getDividendsCount": "9e676952",
        "getCouponCount": "468bb240",
    },
}
TOPICS = {
    "DistributionExecuted": "0ed69aaec5713babf4fa2e03360799844fbc06459205d980bc6691ed07464574",
    "DistributionByAddressesExecuted": "aa9e81a5e4fb3778173f6fb4a4637f4f500fdfbbee1d5d988443e7c5142a197c",
    "CashOutExecuted": "753d7c821278f9e7e2995bb038931974271a79cce855ac67e6fae8e0e64af0f7",
    "CashOutByAddressesExecuted": "636825ecd9ea837171a3c30d7ee940df8d025bb18267e38405dd743baef8ae4d",
    "AmountSnapshotExecuted": "a2154995182ddad982e23733aa2714f1188ba008eda9ae93ec5a3e2564cdb712",
    "AmountSnapshotByAddressesExecuted": "50d91f96b75116519a8eb8382688ac6b0887fca263390711160d695c9dc84ef9",
    "PercentageSnapshotExecuted": "659a2cfde48de9f7b1ba77b7adc9433a791a167b7538592bd47de7f6cd5d993b",
    "PercentageSnapshotByAddressesExecuted": (
        "a34f2b4ae38db78b4a0932767adbe8b1f9f1cbcb2feccc6ab2933e83ba2996a6"
    ),
    "PaymentTokenTransferred": "3fc99149285e47b27500309348bb85523c28491ab72690d98f40e5e83af4f844",
    "PaymentTokenChanged": "cf0c407085ca3ba312474d8448768345a1f695deaa14fcbd6d3bfee5f1ebce86",
    "TokenAssociated": "bbbf805ef99ca7d0b7d2cc769719f2a281c9b3331a3642efa75a712e3094a166",
    "LifeCycleCashFlowPaused": "7ae2ed985e1e2d3df52a66e18e985500803a1ed59acc1c7176ca4ce67bc1f1c2",
    "LifeCycleCashFlowUnpaused": "61fb7fd18a785f43b03cf08c791417b5c676cef1c7a9ec876dc397352f2d4de2",
}
