"""tokens/{id} and tokens/{id}/balances, read from the token contracts."""

from itertools import islice
from typing import Any

from eth_abi.abi import decode, encode

from devnet.http import Answer, Request
from devnet.mirror.errors import invalid, not_found
from devnet.mirror.links import Last, next_link
from devnet.mirror.query import Query
from devnet.mirror.replica import Replica
from devnet.mirror.text import entity_key, entity_number, is_entity_id, time_text
from devnet.records import Account, Token

_BALANCES = ("account.balance", "account.id", "account.publickey", "limit", "order", "timestamp")
_TOTAL_SUPPLY = bytes.fromhex("18160ddd")
_BALANCE_OF = bytes.fromhex("70a08231")


def token(replica: Replica, request: Request) -> Answer:
    Query(request.query, ("timestamp",))
    return Answer(200, _token_json(replica, _find(replica, request)))


def token_balances(replica: Replica, request: Request) -> Answer:
    found = _find(replica, request)
    query = Query(request.query, _BALANCES)
    block, at = _moment(replica, query)
    kept = (
        (holder, units)
        for holder in _holders(replica, query)
        if (units := _units(replica, found, _BALANCE_OF + encode(["address"], [holder.evm_address]), block))
        and _has_balance(query, units)
    )
    rows = list(islice(kept, query.limit(replica.most_rows)))
    link = None
    if len(rows) == query.limit(replica.most_rows):
        last = {"account.id": Last(rows[-1][0].account)}
        link = next_link(request.path, query.parameters, last, query.order())
    balances = [
        {"account": holder.account, "balance": units, "decimals": found.decimals} for holder, units in rows
    ]
    return Answer(
        200, {"timestamp": time_text(at) if rows else None, "balances": balances, "links": {"next": link}}
    )


def _find(replica: Replica, request: Request) -> Token:
    if not is_entity_id(request.params["id"]):
        raise invalid("tokenId")
    found = replica.token(entity_key(request.params["id"]))
    if found is None:
        raise not_found()
    return found


def _moment(replica: Replica, query: Query) -> tuple[int | None, int]:
    """The block whose state is asked for (None: the newest) and its consensus time; eq means at or before."""
    if not query.all("timestamp"):
        newest = replica.newest_block()
        return None, newest.to_ns if newest else replica.until_ns
    fitting = [
        block
        for block in replica.blocks()
        if all(
            block.to_ns <= at if item.operator == "eq" else item.keeps(block.to_ns, at=at)
            for item, at in query.times()
        )
    ]
    if not fitting:
        raise not_found()
    return fitting[-1].number, fitting[-1].to_ns


def _holders(replica: Replica, query: Query) -> list[Account]:
    ids = [account.account for account in replica.ledger.accounts()]
    ids += [contract.contract_id for contract in replica.ledger.contracts()]
    ordered = sorted(ids, key=entity_number, reverse=query.order() == "desc")
    visible = (replica.account(entity_id) for entity_id in ordered)
    return [account for account in visible if account and _is_wanted(replica, query, account)]


def _is_wanted(replica: Replica, query: Query, account: Account) -> bool:
    keys = {item.value.lower().removeprefix("0x") for item in query.all("account.publickey")}
    equal = {_number(replica, item.value) for item in query.all("account.id") if item.operator == "eq"}
    ranges = [item for item in query.all("account.id") if item.operator != "eq"]
    return (
        (not keys or account.key_hex.lower() in keys)
        and (not equal or account.number in equal)
        and all(item.keeps(account.number, at=_number(replica, item.value)) for item in ranges)
    )


def _number(replica: Replica, text: str) -> int:
    account = replica.account(entity_key(text))
    if account:
        return account.number
    key = entity_key(text)
    return -1 if key.startswith("0x") else entity_number(key)


def _has_balance(query: Query, units: int) -> bool:
    return all(item.keeps(units, at=int(item.value)) for item in query.all("account.balance"))


def _units(replica: Replica, found: Token, data: bytes, block: int | None = None) -> int:
    """One word of the token contract; 0 where it has no such view."""
    success, output = replica.view(found.evm_address, data, block=block)
    return int(decode(["uint256"], output)[0]) if success and len(output) >= 32 else 0


def _token_json(replica: Replica, found: Token) -> dict[str, Any]:
    supply = str(_units(replica, found, _TOTAL_SUPPLY))
    created = time_text(found.created_ns)
    keys = ("admin", "fee_schedule", "freeze", "kyc", "metadata", "pause", "supply", "wipe")
    return {
        **{f"{name}_key": None for name in keys},
        "auto_renew_account": None,
        "auto_renew_period": None,
        "created_timestamp": created,
        "custom_fees": {"created_timestamp": created, "fixed_fees": [], "fractional_fees": []},
        "decimals": str(found.decimals),
        "deleted": False,
        "expiry_timestamp": None,
        "freeze_default": False,
        "initial_supply": supply,
        "max_supply": "0",
        "memo": "",
        "metadata": "",
        "modified_timestamp": created,
        "name": found.name,
        "pause_status": "NOT_APPLICABLE",
        "supply_type": "INFINITE",
        "symbol": found.symbol,
        "token_id": found.token_id,
        "total_supply": supply,
        "treasury_account_id": found.treasury,
        "type": "FUNGIBLE_COMMON",
    }
