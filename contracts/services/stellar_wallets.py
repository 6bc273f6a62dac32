"""What custody and the chain say about a wallet of Stellar before it is taken into the books."""

from dataclasses import dataclass

from django.conf import settings

from contracts.custody.base import ED25519, WalletFacts, is_test_network
from contracts.custody.stellar import DFNS_NETWORKS
from contracts.gateways import soroban
from contracts.gateways.errors import GatewayError
from contracts.models import Wallet
from contracts.services.networks import soroban_trouble, stellar_network
from contracts.services.wallets import WalletMismatch, check_stellar_account


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account that is on chain, as its wallet's row will name it."""

    network: str
    account: str
    role: str
    evm_address: str = ""


def is_for_stellar(facts: WalletFacts, account: str) -> bool:
    """By custody's own word, or by the account that a person gives."""
    return facts.network.startswith("Stellar") or account.startswith("G")


def read_stellar_account(facts: WalletFacts, *, account: str, custodian_name: str) -> NewAccount:
    """The account of the wallet's key. Raises WalletMismatch, also when the Soroban RPC cannot be asked."""
    _check_custody(facts, custodian_name)
    own = soroban.account_of(facts.public_key)
    for who, told in (("--account", account), ("custody", facts.account)):
        if told and told != own:
            raise WalletMismatch(f"{who} says {told}, the account of the wallet's key is {own}; correct it")
    found = Wallet(
        network=stellar_network(), account=own, key_scheme=facts.scheme, public_key=facts.public_key
    )
    try:
        check_stellar_account(found)
    except GatewayError as error:
        raise WalletMismatch(soroban_trouble(error)) from error
    return NewAccount(found.network, own, Wallet.Role.SOURCE)


def _check_custody(facts: WalletFacts, custodian_name: str) -> None:
    if facts.scheme != ED25519:
        raise WalletMismatch(f"accounts of Stellar have {ED25519} keys, this wallet has {facts.scheme}")
    if custodian_name == Wallet.Custodian.LOCAL:
        if not is_test_network(stellar_network()):
            raise WalletMismatch(
                f"the local key does not sign for {stellar_network()}: give a custody wallet"
            )
        return
    expected = settings.DFNS_STELLAR_WALLET_ID
    if expected and expected != facts.custody_wallet_id:
        raise WalletMismatch(
            f"DFNS_STELLAR_WALLET_ID is {expected}, the wallet given is {facts.custody_wallet_id}; correct one"
        )
    # A local network is nobody's but the devnet's, and custody has no name for it that could be compared.
    if settings.STELLAR_NETWORK != "local" and facts.network != DFNS_NETWORKS.get(stellar_network()):
        raise WalletMismatch(
            f"custody says that the wallet is on {facts.network}, STELLAR_NETWORK is {settings.STELLAR_NETWORK}; "
            "correct one"
        )
