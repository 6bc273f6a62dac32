"""Roles of the asset and payout contracts: their names, and the numbers the chain knows."""

from collections.abc import Mapping

from eth_utils.crypto import keccak

_ADMIN = {"ADMIN": "0x" + "0" * 64}
# Numbers of the deployed asset contracts; 8.0 changed all of them.
ASSET_ROLES: dict[str, dict[str, str]] = {
    "7": {
        "ISSUER": "0x4be32e8849414d19186807008dabd451c1d87dae5f8e22f32f5ce94d486da842",
        "SNAPSHOT": "0x3fbb44760c0954eea3f6cb9f1f210568f5ae959dcbbef66e72f749dbaa7cc2da",
        "CORPORATE_ACTION": "0x8a139eeb747b9809192ae3de1b88acfd2568c15241a5c4f85db0443a536d77d6",
        "PAUSER": "0x6f65556918c1422809d0d567462eafeb371be30159d74b38ac958dc58864faeb",
        "FREEZE_MANAGER": "0xd0e5294c1fc630933e135c5b668c5d577576754d33964d700bbbcdbfd7e1361b",
        "KYC": "0x6fbd421e041603fa367357d79ffc3b2f9fd37a6fc4eec661aa5537a9ae75f93d",
        "MATURITY_REDEEMER": "0xa0d696902e9ed231892dc96649f0c62b808a1cb9dd1269e78e0adc1cc4b8358c",
    },
    "8": {
        "ISSUER": "0x5eeaf5602c75bf26e73b5206d0bd6ee82f621166255e5fd73cc06bc7bd84a95f",
        "SNAPSHOT": "0xf7d999723d2160432933a2aeffaae83e262a5a46fe94f34614a7676d1d1f67c6",
        "CORPORATE_ACTION": "0xa1acfc499025c99f55059195e6276f639d34a18aad7b8121b9192b7f438c55cd",
        "PAUSER": "0x3cb8b459fdb6e7dc3d2a2aa529e530f885d45e03584adb438423209c86a2731f",
        "FREEZE_MANAGER": "0x71ae38482e1ab1c28e767d64766d686215b490c8c1bd7dfe6b101525187c2155",
        "KYC": "0x754f499f9fdfbb089d12bdec817a6863d593d8a3ea7f546c00a5cafd20957bfc",
        "MATURITY_REDEEMER": "0x433f48f8aca23480f6ab07666cbc9131d32a0b4672033453f65e18f4dd390523",
    },
}
PAYOUT_ROLES: dict[str, str] = _ADMIN | {
    "PAUSER": "0x" + keccak(text="lifecycle.cash.flow.role.pauser").hex(),
    "PAYOUT": "0x88ad01da1e5558735d5b478c04a0f1667377fb68a98cb0278159d0b790f08c10",
    "CASHOUT": "0xe0d6eef1076057afbcdc5a0534cf7ab9071fa4fdd3750e202da3d49c8913a144",
    "TRANSFERER": "0x4a16419d45be80f6de7609caac23eb8c7bfe6336a71da3cefd43ea62183ad211",
    "PAYMENT_TOKEN_MANAGER": "0x15e92345f55818ea6e01143954b5841c1ba74302c2b157a2b4d0f21f9ad40286",
}
_OF_CONTRACT: Mapping[str, Mapping[str, str]] = {
    "AssetToken": _ADMIN | ASSET_ROLES["7"],
    "AssetToken8": _ADMIN | ASSET_ROLES["8"],
    "LifeCycleCashFlow": PAYOUT_ROLES,
}


def role_number(contract: str, role: str) -> str:
    """The number of a role of this compiled contract; one that is a number already is taken as it is.

    Raises ValueError with the names there are.
    """
    if role.startswith("0x"):
        return role
    known = _OF_CONTRACT.get(contract, {})
    if role.upper() not in known:
        raise ValueError(f"{contract} has no role {role!r}; there are: {', '.join(known) or 'none'}")
    return known[role.upper()]
