"""Stellar's addresses as text: G... is an account, C... is a contract. The last letters are a checksum."""

from stellar_sdk import StrKey


def is_account(text: str) -> bool:
    return StrKey.is_valid_ed25519_public_key(text)


def is_contract(text: str) -> bool:
    return StrKey.is_valid_contract(text)
