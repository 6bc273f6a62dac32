"""accounts/{id, alias or EVM address} and its token relations."""

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

from devnet.http import Answer, Request
from devnet.mirror.bounds import TimeRange
from devnet.mirror.errors import Refusal, invalid, not_found
from devnet.mirror.links import Last, next_link
from devnet.mirror.query import Filter, Query
from devnet.mirror.replica import Replica
from devnet.mirror.text import entity_key, entity_number, is_entity_id, time_text
from devnet.mirror.transactions import page
from devnet.records import Account, Token, TokenRelation, long_zero

_ALIAS = re.compile(r"(\d{1,4}\.)?(\d{1,5}\.)?([A-Z2-7]{32})")
_KEY_NAMES = {"ED25519": "ED25519", "ECDSA_SECP256K1": "ECDSA_SECP256K1", "SECP256K1": "ECDSA_SECP256K1"}


def account(replica: Replica, request: Request) -> Answer:
    query = Query(request.query, ("limit", "order", "timestamp", "transactiontype", "transactions"))
    found = _find(replica, request.params["id"])
    span = TimeRange(query.times())
    if span.since is not None and span.until is not None and span.since > span.until:
        raise Refusal("Timestamp range is empty", status=404)
    listed: dict[str, Any] = {"transactions": [], "links": {"next": None}}
    if query.flag("transactions", default=True):
        number = entity_number(found.account)
        listed = page(replica, request, query, [(Filter("account.id", "eq", found.account), number)])
    return Answer(200, _account_json(replica, found, span.until) | listed)


def account_tokens(replica: Replica, request: Request) -> Answer:
    found = _find(replica, request.params["id"])
    query = Query(request.query, ("limit", "order", "token.id"))
    wanted = [(item, entity_number(_token_id(replica, item.value))) for item in query.all("token.id")]
    if any(item.operator == "ne" for item, _ in wanted):
        raise Refusal("Not equal (ne) comparison operator is not supported for token.id")

    def is_wanted(token: Token) -> bool:
        return all(item.keeps(entity_number(token.token_id), at=at) for item, at in wanted)

    rows = _relations(replica, found, query.order("asc"), is_wanted)[: query.limit(replica.most_rows)]
    link = None
    if len(rows) == query.limit(replica.most_rows):
        last = {"token.id": Last(rows[-1].token_id)}
        link = next_link(request.path, query.parameters, last, query.order("asc"))
    return Answer(200, {"tokens": [_relation_json(row) for row in rows], "links": {"next": link}})


def _find(replica: Replica, text: str) -> Account:
    alias = _ALIAS.fullmatch(text)
    if not is_entity_id(text) and not alias:
        raise invalid("idOrAliasOrEvmAddress")
    found = replica.account(_alias_key(alias.group(3)) if alias else entity_key(text))
    if found is None:
        raise not_found()
    return found


def _alias_key(alias: str) -> str:
    """32 base32 characters are exactly the 20 bytes of an EVM address."""
    try:
        return f"0x{base64.b32decode(alias).hex()}"
    except binascii.Error as error:
        raise invalid("idOrAliasOrEvmAddress") from error


def _token_id(replica: Replica, text: str) -> str:
    token = replica.token(entity_key(text))
    return token.token_id if token else "0.0.0"


def _relations(
    replica: Replica, found: Account, order: str, is_wanted: Callable[[Token], bool] = lambda token: True
) -> list[TokenRelation]:
    """Each relation costs calls of its token, so only the wanted ones that this replica knows are asked for."""
    relations = replica.ledger.account_tokens(
        found.account,
        replica=replica.number,
        among=lambda token: is_wanted(token) and replica.token(token.token_id) is not None,
    )
    return sorted(relations, key=lambda relation: entity_number(relation.token_id), reverse=order == "desc")


def _account_json(replica: Replica, found: Account, until: int | None) -> dict[str, Any]:
    return {
        "account": found.account,
        "alias": _alias(found),
        "auto_renew_period": None,
        "balance": _balance_json(replica, found, until),
        "created_timestamp": time_text(found.created_ns),
        "decline_reward": False,
        "deleted": found.deleted,
        "ethereum_nonce": 0,
        "evm_address": found.evm_address or long_zero(found.account),
        "expiry_timestamp": None,
        "key": _key_json(found),
        "max_automatic_token_associations": None,
        "memo": found.memo,
        "pending_reward": 0,
        "receiver_sig_required": None,
        "staked_account_id": None,
        "staked_node_id": None,
        "stake_period_start": None,
    }


def _alias(found: Account) -> str | None:
    """An account with an ECDSA key of its own is known by its EVM address in base32."""
    if found.key_type is None or _KEY_NAMES[found.key_type] != "ECDSA_SECP256K1":
        return None
    if found.evm_address == long_zero(found.account):
        return None
    return base64.b32encode(bytes.fromhex(found.evm_address.removeprefix("0x"))).decode()


def _key_json(found: Account) -> dict[str, str] | None:
    if found.key_type is None:
        return None
    return {"_type": _KEY_NAMES[found.key_type], "key": found.key_hex.lower().removeprefix("0x")}


def _balance_json(replica: Replica, found: Account, until: int | None) -> dict[str, Any]:
    at = replica.until_ns if until is None else min(until, replica.until_ns)
    return {
        "balance": replica.ledger.balance(found.account, at),
        "timestamp": time_text(_balance_time(replica, found, at)),
        "tokens": [
            {"token_id": relation.token_id, "balance": relation.balance_units}
            for relation in _relations(replica, found, "asc")
        ],
    }


def _balance_time(replica: Replica, found: Account, at: int) -> int:
    """The balance is as of the last record that moved it."""
    for record in replica.records(found.account, until=at, order="desc"):
        if any(party == found.account for party, _ in record.transfers):
            return record.consensus_ns
    return found.created_ns


def _relation_json(relation: TokenRelation) -> dict[str, Any]:
    return {
        "automatic_association": False,
        "balance": relation.balance_units,
        "created_timestamp": time_text(relation.created_ns),
        "decimals": relation.decimals,
        "token_id": relation.token_id,
        "freeze_status": relation.freeze_status,
        "kyc_status": relation.kyc_status,
    }
