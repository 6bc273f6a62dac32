"""Addresses of the EVM as Hedera has them."""

ZERO_ADDRESS = "0x" + "0" * 40


def long_zero(entity: str) -> str:
    """The address made of an entity's number, as logs of the token service name accounts: 0.0.5 is 0x…05.

    Raises ValueError for anything but shard.realm.number.
    """
    shard, realm, number = (int(part) for part in entity.split("."))
    return f"0x{shard:08x}{realm:016x}{number:016x}"


def topic_of(address: str) -> str:
    """An address as an indexed argument of an event: 32 bytes, 0x hex."""
    return "0x" + address.removeprefix("0x").rjust(64, "0")
