"""Links to public explorers, and none where no public page can exist."""

import pytest

from contracts.explorers import contract_link, transaction_link
from contracts.models.registry import Network


@pytest.mark.parametrize(
    ("network", "base", "kind"),
    [
        ("hedera-mainnet", "https://hashscan.io/mainnet", "transaction"),
        ("hedera-testnet", "https://hashscan.io/testnet", "transaction"),
        ("hedera-previewnet", "https://hashscan.io/previewnet", "transaction"),
        ("stellar-mainnet", "https://stellar.expert/explorer/public", "tx"),
        ("stellar-testnet", "https://stellar.expert/explorer/testnet", "tx"),
    ],
)
def test_public_networks_have_pages(network: str, base: str, kind: str) -> None:
    assert transaction_link(network, "abc") == f"{base}/{kind}/abc"
    assert contract_link(network, "C1") == f"{base}/contract/C1"


@pytest.mark.parametrize("network", ["hedera-local", "stellar-local", "stellar-futurenet", ""])
def test_others_have_none(network: str) -> None:
    assert transaction_link(network, "abc") is None
    assert contract_link(network, "C1") is None


@pytest.mark.parametrize("network", Network.values)
def test_what_has_no_id_yet_has_no_page(network: str) -> None:
    assert transaction_link(network, None) is None
    assert transaction_link(network, "") is None
    assert contract_link(network, "") is None
