"""network/nodes, network/exchangerate and network/fees: constants of the local network."""

from typing import Any

from devnet.fees import TINYBARS_PER_GAS
from devnet.http import Answer, Request
from devnet.mirror.links import Last, next_link
from devnet.mirror.query import Query
from devnet.mirror.replica import Replica
from devnet.mirror.text import NS, entity_number, time_text

CENTS_PER_30000_HBAR = 360_000
_HOUR = 3600
_FIRST_NODE = 3


def nodes(replica: Replica, request: Request) -> Answer:
    query = Query(request.query, ("file.id", "limit", "node.id", "order"))
    wanted = [(item, int(item.value)) for item in query.all("node.id")]
    found = sorted(replica.network.nodes.items(), key=lambda node: entity_number(node[0]))
    if query.order("asc") == "desc":
        found.reverse()
    rows = [
        _node_json(account, port)
        for account, port in found
        if all(item.keeps(_node_number(account), at=at) for item, at in wanted)
    ][: query.limit(replica.most_rows)]
    link = None
    if len(rows) == query.limit(replica.most_rows):
        last = {"node.id": Last(str(rows[-1]["node_id"]))}
        link = next_link(request.path, query.parameters, last, query.order("asc"))
    return Answer(200, {"nodes": rows, "links": {"next": link}})


def exchange_rate(replica: Replica, request: Request) -> Answer:
    Query(request.query, ("timestamp",))
    hour_end = (replica.until_ns // NS // _HOUR + 1) * _HOUR
    body = {
        "current_rate": _rate_json(hour_end),
        "next_rate": _rate_json(hour_end + _HOUR),
        "timestamp": time_text(replica.until_ns),
    }
    return Answer(200, body)


def fees(replica: Replica, request: Request) -> Answer:
    Query(request.query, ("order", "timestamp"))
    names = ("ContractCall", "ContractCreate", "EthereumTransaction")
    rows = [{"gas": TINYBARS_PER_GAS, "transaction_type": name} for name in names]
    return Answer(200, {"fees": rows, "timestamp": time_text(replica.until_ns)})


def _rate_json(expires_at: int) -> dict[str, int]:
    return {
        "cent_equivalent": CENTS_PER_30000_HBAR,
        "expiration_time": expires_at,
        "hbar_equivalent": 30_000,
    }


def _node_number(account: str) -> int:
    return entity_number(account) - _FIRST_NODE


def _node_json(account: str, port: int) -> dict[str, Any]:
    return {
        "admin_key": None,
        "decline_reward": False,
        "description": f"local node {_node_number(account)}",
        "file_id": "0.0.102",
        "grpc_proxy_endpoint": None,
        "max_stake": None,
        "memo": account,
        "min_stake": None,
        "node_id": _node_number(account),
        "node_account_id": account,
        "node_cert_hash": "0x",
        "public_key": "0x",
        "reward_rate_start": 0,
        "service_endpoints": [{"domain_name": "", "ip_address_v4": "127.0.0.1", "port": port}],
        "stake": 0,
        "stake_not_rewarded": None,
        "stake_rewarded": 0,
        "staking_period": None,
        "timestamp": {"from": "0.000000000", "to": None},
    }
