"""The consensus nodes of the configured network, and a fresh connection to one of them.

A local network names its nodes in HEDERA_NODES and speaks plain gRPC. For mainnet, testnet and previewnet
the mirror node's address book is asked on first use and kept for an hour, and the connection is TLS, pinned
to the certificate hash of the address book in the way hiero-sdk does it. The pinning is tested against a
server of our own; no hosted network has been tried yet.
"""

from __future__ import annotations

import hashlib
import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import grpc
from django.conf import settings

from contracts.gateways.errors import GatewayError, Unavailable
from contracts.gateways.mirror import mirror

PLAIN_PORT, TLS_PORT = 50211, 50212
ADDRESS_BOOK_SECONDS = 3600

# A channel must be what it seems: its own connection (the pool would share another channel's failures and
# waiting times), and one call is one sending (gRPC repeats calls by itself otherwise).
_OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))

# Certificates of nodes are made out to this name whatever their address is; hiero-sdk relies on it too.
_CERTIFICATE_NAME = "127.0.0.1"
_TLS_NAME = (
    ("grpc.default_authority", _CERTIFICATE_NAME),
    ("grpc.ssl_target_name_override", _CERTIFICATE_NAME),
)


@dataclass(frozen=True, slots=True)
class Node:
    """`certificate_hash` is the SHA-384 of the PEM certificate in hex; None means plain gRPC."""

    account: str
    host: str
    port: int
    certificate_hash: str | None = None

    @property
    def target(self) -> str:
        return f"{self.host}:{self.port}"


_lock = threading.Lock()
_address_book: dict[str, tuple[float, dict[str, Node]]] = {}


def known_nodes() -> dict[str, Node]:
    """Nodes by account id, in a stable order. Raises Unavailable when the mirror node names none."""
    if settings.HEDERA_NETWORK == "local":
        return _local_nodes(settings.HEDERA_NODES)
    with _lock:
        read_at, nodes = _address_book.get(settings.HEDERA_MIRROR_URL, (0.0, {}))
        if not nodes or time.monotonic() - read_at > ADDRESS_BOOK_SECONDS:
            nodes = _refreshed(nodes)
            _address_book[settings.HEDERA_MIRROR_URL] = (time.monotonic(), nodes)
        return nodes


def forget_nodes() -> None:
    with _lock:
        _address_book.clear()


@contextmanager
def connection(node: Node, *, seconds: float) -> Iterator[grpc.Channel]:
    """A channel that is connected. Raises Unavailable on the way in, and then nothing at all was sent."""
    deadline = time.monotonic() + seconds
    channel = _secure(node, seconds) if node.certificate_hash else _plain(node)
    try:
        _await_ready(channel, node, deadline - time.monotonic())
        yield channel
    finally:
        # Closing waits up to 0.2 s for gRPC's watcher of the connection; the answer need not.
        threading.Thread(target=channel.close, name="close-channel").start()


def _local_nodes(text: str) -> dict[str, Node]:
    nodes = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        account, _, address = pair.partition("=")
        host, _, port = address.rpartition(":")
        nodes[account.strip()] = Node(account.strip(), host.strip(), int(port))
    return nodes


def _refreshed(known: dict[str, Node]) -> dict[str, Node]:
    """Nodes change about once a year: while the mirror is away the book we have is still the right one."""
    try:
        entries = mirror().address_book()
    except GatewayError:
        if known:
            return known
        raise
    nodes = {
        entry.account: Node(
            entry.account, entry.host, _tls_port(entry.port), _hash_text(entry.certificate_hash)
        )
        for entry in entries
        if entry.host and entry.certificate_hash
    }
    if not nodes:
        raise Unavailable("the mirror node's address book names no consensus node")
    return nodes


def _tls_port(port: int) -> int:
    return TLS_PORT if port == PLAIN_PORT else port


def _hash_text(raw: bytes) -> str:
    """Address books hold the hash as its 48 bytes or as 96 letters of hex."""
    return raw.hex() if len(raw) == hashlib.sha384().digest_size else raw.decode("ascii").lower()


def _plain(node: Node) -> grpc.Channel:
    return grpc.insecure_channel(node.target, options=_OWN_CONNECTION)


def _secure(node: Node, seconds: float) -> grpc.Channel:
    certificate = _served_certificate(node, seconds)
    if hashlib.sha384(certificate).hexdigest() != node.certificate_hash:
        raise Unavailable(f"node {node.account} shows a certificate that is not in the address book")
    credentials = grpc.ssl_channel_credentials(root_certificates=certificate)
    return grpc.secure_channel(node.target, credentials, options=(*_OWN_CONNECTION, *_TLS_NAME))


def _served_certificate(node: Node, seconds: float) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the hash in the address book is the check
    try:
        with (
            socket.create_connection((node.host, node.port), timeout=seconds) as plain,
            context.wrap_socket(plain, server_hostname=_CERTIFICATE_NAME) as secure,
        ):
            der = secure.getpeercert(binary_form=True)
    except OSError as error:
        raise Unavailable(f"node {node.account} cannot be reached: {error}") from error
    return ssl.DER_cert_to_PEM_cert(der or b"").encode()


def _await_ready(channel: grpc.Channel, node: Node, seconds: float) -> None:
    """Returns once connected; a first failure ends it, because the caller has other nodes to try."""
    states: queue.SimpleQueue[grpc.ChannelConnectivity] = queue.SimpleQueue()
    notify = states.put
    channel.subscribe(notify, try_to_connect=True)
    deadline = time.monotonic() + seconds
    while True:
        try:
            state = states.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise Unavailable(
                f"node {node.account} did not answer the connection", code="CONNECT_TIMEOUT"
            ) from None
        if state is grpc.ChannelConnectivity.READY:
            channel.unsubscribe(notify)
            return
        if state in (grpc.ChannelConnectivity.TRANSIENT_FAILURE, grpc.ChannelConnectivity.SHUTDOWN):
            raise Unavailable(f"node {node.account} refused the connection", code="CONNECT_REFUSED")
