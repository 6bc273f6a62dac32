"""What a call moved of the tokens that stand in for tokens of the token service, as records show it."""

from collections import defaultdict
from collections.abc import Iterable
from functools import cache

from devnet.directory import Directory
from devnet.fees import TRANSFER_TOPIC
from devnet.records import LogEntry

Move = tuple[str, str, int]
_NOBODY = "0x" + "0" * 40
_ADDRESS_DIGITS = 40
_TOPICS = 3


def token_moves(logs: Iterable[LogEntry], directory: Directory) -> tuple[Move, ...]:
    """(token, account, net units), by number of token and account; what is minted or burnt has one side.

    Nothing for plain contracts: the token service knows no transfer of theirs. An address without an account is
    left out, for a record names accounts only.
    """
    net: dict[tuple[str, str], int] = defaultdict(int)
    # A payout has one payer in a hundred transfers.
    party = cache(lambda topic: _party(topic, directory))
    for log in logs:
        token = directory.token(log.address)
        if token is None or not token.is_service_token or not _is_transfer(log):
            continue
        units = int.from_bytes(log.data, "big")
        for topic, amount in zip(log.topics[1:], (-units, units), strict=True):
            net[token.token_id, party(topic)] += amount
    moved = [(token, account, units) for (token, account), units in net.items() if account and units]
    return tuple(sorted(moved, key=lambda move: (_number(move[0]), _number(move[1]))))


def _is_transfer(log: LogEntry) -> bool:
    return log.topics[:1] == (TRANSFER_TOPIC,) and len(log.topics) == _TOPICS


def _party(topic: str, directory: Directory) -> str:
    """The account or contract of an indexed address; empty for nobody and for strangers."""
    address = "0x" + topic[-_ADDRESS_DIGITS:]
    if address == _NOBODY:
        return ""
    if account := directory.account(address):
        return account.account
    contract = directory.contract(address)
    return contract.contract_id if contract else ""


def _number(entity_id: str) -> int:
    return int(entity_id.rsplit(".", 1)[1])
