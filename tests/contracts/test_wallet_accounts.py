"""Whether an account on chain is the wallet's own, also before its key was ever seen there."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hiero_sdk_python import PublicKey

from contracts.custody.base import evm_alias
from contracts.gateways.mirror import Account
from contracts.models import Wallet
from contracts.services.wallets import WalletMismatch, check_account, has_no_key
from tests.factories.contracts import WalletFactory

KEY = (
    ec.generate_private_key(ec.SECP256K1())
    .public_key()
    .public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    .hex()
)
NO_KEYS = [None, "3200"]


def wallet() -> Wallet:
    return WalletFactory.build(key_scheme="SECP256K1", public_key=KEY, account="0.0.7")


def account(*, key: str | None, address: str) -> Account:
    return Account("0.0.7", address, None, key, 0, deleted=False)


def test_the_address_of_a_key_is_the_one_the_sdk_computes() -> None:
    assert (
        evm_alias(KEY) == "0x" + PublicKey.from_bytes_ecdsa(bytes.fromhex(KEY)).to_evm_address().to_string()
    )


@pytest.mark.parametrize("key", NO_KEYS)
def test_an_account_without_a_key_is_known_by_its_address(key: str | None) -> None:
    mine = account(key=key, address=evm_alias(KEY))
    assert has_no_key(mine)
    check_account(wallet(), mine)


@pytest.mark.parametrize("key", NO_KEYS)
def test_an_account_without_a_key_at_another_address_is_refused(key: str | None) -> None:
    with pytest.raises(WalletMismatch, match="has no key yet"):
        check_account(wallet(), account(key=key, address="0x" + "12" * 20))


def test_an_account_with_another_key_is_refused_whatever_its_address() -> None:
    with pytest.raises(WalletMismatch, match="controlled by another key"):
        check_account(wallet(), account(key="02" + "ab" * 32, address=evm_alias(KEY)))


def test_an_account_that_was_deleted_is_refused() -> None:
    gone = Account("0.0.7", evm_alias(KEY), None, KEY, 0, deleted=True)
    with pytest.raises(WalletMismatch, match="does not exist"):
        check_account(wallet(), gone)
