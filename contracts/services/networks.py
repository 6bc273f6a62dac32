"""The networks of this installation, as rows name them."""

from django.conf import settings

from contracts.gateways.errors import GatewayError, Refused


def hedera_network() -> str:
    return f"hedera-{settings.HEDERA_NETWORK}"


def stellar_network() -> str:
    name = settings.STELLAR_NETWORK
    return "stellar-mainnet" if name == "public" else f"stellar-{name}"


def soroban_trouble(error: GatewayError) -> str:
    """What the Soroban RPC, or our settings, lack, and the fix."""
    if error.code == "WRONG_NETWORK":
        return f"{error.text}; correct one of them"
    if isinstance(error, Refused):
        return error.text
    return f"the Soroban RPC could not be asked: {error}; check SOROBAN_RPC_URL and try again"
