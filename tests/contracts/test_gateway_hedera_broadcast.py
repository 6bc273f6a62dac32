"""One sending of stored bytes over real gRPC, and what each answer or silence of a node means."""

import datetime
import hashlib
import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from hiero_sdk_python import PrivateKey
from pytest_django import Settings

from contracts.gateways import hedera, nodes
from contracts.gateways.errors import Busy, GatewayError, OutcomeUnknown, Refused, Unavailable
from contracts.gateways.records import NodeAddress
from tests.contracts.consensus_node import ConsensusNode
from tests.contracts.test_gateway_hedera_bodies import SPEC
from tests.patience import PATIENCE

KEY = PrivateKey.generate_ed25519()


def signed(node: str = "0.0.3", *, body: bytes | None = None) -> bytes:
    body = body or hedera.build_call(SPEC, node=node)
    public = KEY.public_key().to_bytes_raw()
    return hedera.assemble(body, scheme="ED25519", public_key=public, signature=KEY.sign(body)).raw


RAW = signed()


@pytest.fixture
def node(settings: Settings) -> Iterator[ConsensusNode]:
    server = ConsensusNode()
    settings.HEDERA_NODES = f"0.0.3=127.0.0.1:{server.port}"
    settings.HEDERA_TIMEOUT_SECONDS = 1
    yield server
    server.stop()


def send() -> GatewayError | None:
    try:
        hedera.broadcast(RAW, node="0.0.3")
    except GatewayError as error:
        return error
    return None


def test_the_node_receives_the_stored_bytes_once(node: ConsensusNode) -> None:
    node.start()
    assert send() is None
    assert node.received == [("contractCallMethod", RAW)]


def test_a_transfer_goes_to_the_crypto_service(node: ConsensusNode) -> None:
    node.start()
    raw = signed(body=hedera.build_transfer(SPEC.envelope, node="0.0.3"))
    hedera.broadcast(raw, node="0.0.3")
    assert node.received == [("cryptoTransfer", raw)]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("BUSY", Busy),
        ("PLATFORM_NOT_ACTIVE", Busy),
        ("PLATFORM_TRANSACTION_NOT_CREATED", Busy),
        ("DUPLICATE_TRANSACTION", OutcomeUnknown),
        ("UNKNOWN", OutcomeUnknown),
        ("INVALID_SIGNATURE", Refused),
        ("INVALID_NODE_ACCOUNT", Refused),
        ("TRANSACTION_EXPIRED", Refused),
        ("INVALID_TRANSACTION_START", Refused),
        ("INSUFFICIENT_TX_FEE", Refused),
        ("TRANSACTION_OVERSIZE", Refused),
        ("99999", Refused),
    ],
)
def test_each_precheck_code_is_one_decision_after_one_sending(
    node: ConsensusNode, code: str, kind: type[GatewayError]
) -> None:
    node.code = code
    node.start()
    error = send()
    assert type(error) is kind
    assert error.code == (code if not code.isdecimal() else f"RESPONSE_CODE_{code}")
    assert len(node.received) == 1


def test_a_refused_connection_is_surely_not_sent(node: ConsensusNode, settings: Settings) -> None:
    settings.HEDERA_TIMEOUT_SECONDS = 20
    started = time.monotonic()
    error = send()
    assert type(error) is Unavailable
    assert error.code == "CONNECT_REFUSED"
    assert time.monotonic() - started < 10, "it was waited for"


def test_a_listener_that_never_speaks_is_surely_not_sent(node: ConsensusNode) -> None:
    with socket.create_server(("127.0.0.1", node.port)):
        error = send()
    assert type(error) is Unavailable
    assert error.code == "CONNECT_TIMEOUT"


def test_silence_beyond_the_deadline_is_an_unknown_outcome(node: ConsensusNode) -> None:
    node.before_answer = lambda context: node.hang()
    node.start()
    started = time.monotonic()
    error = send()
    assert type(error) is OutcomeUnknown
    assert error.code == "DEADLINE_EXCEEDED"
    assert 0.8 < time.monotonic() - started < 10
    assert len(node.received) == 1


@pytest.mark.parametrize(
    "code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.RESOURCE_EXHAUSTED]
)
def test_a_failure_after_the_node_has_the_bytes_is_an_unknown_outcome(
    node: ConsensusNode, code: grpc.StatusCode
) -> None:
    node.before_answer = lambda context: context.abort(code, "lost")
    node.start()
    error = send()
    assert type(error) is OutcomeUnknown
    assert error.code == code.name
    assert len(node.received) == 1


def test_a_connection_cut_after_the_bytes_is_an_unknown_outcome(
    node: ConsensusNode, settings: Settings
) -> None:
    """A relay that passes everything to the node and breaks the connection instead of answering."""
    node.before_answer = lambda context: node.hang()
    node.start()
    with _CuttingRelay(node) as port:
        settings.HEDERA_NODES = f"0.0.3=127.0.0.1:{port}"
        error = send()
    assert type(error) is OutcomeUnknown
    assert error.code == "UNAVAILABLE"
    assert len(node.received) == 1


def test_a_node_that_was_down_is_reached_as_soon_as_it_is_up(node: ConsensusNode, settings: Settings) -> None:
    """The SDK would answer for 16 s and more that the node is unhealthy, without asking it."""
    for _ in range(4):
        assert type(send()) is Unavailable
    node.start()
    settings.HEDERA_TIMEOUT_SECONDS = 10
    assert send() is None
    assert node.received == [("contractCallMethod", RAW)]


def test_a_node_that_failed_and_restarted_is_reached_at_once(node: ConsensusNode) -> None:
    node.start()
    assert send() is None
    node.stop()
    assert type(send()) is Unavailable
    node.start()
    assert send() is None
    assert len(node.received) == 2


def test_failures_of_one_thread_do_not_silence_the_others(node: ConsensusNode) -> None:
    with ThreadPoolExecutor(8) as pool:
        down = list(pool.map(lambda _: send(), range(16)))
        node.start()
        up = list(pool.map(lambda _: send(), range(16)))
    assert {type(error) for error in down} == {Unavailable}
    assert up == [None] * 16
    assert len(node.received) == 16


def test_nothing_is_left_open_after_many_sendings(node: ConsensusNode) -> None:
    node.start()
    send()
    before = threading.active_count()
    for _ in range(20):
        assert send() is None
    deadline = time.monotonic() + PATIENCE
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threading.active_count() <= before


def test_bytes_for_another_node_are_never_sent(node: ConsensusNode) -> None:
    node.start()
    with pytest.raises(ValueError, match=r"for node 0\.0\.4"):
        hedera.broadcast(signed("0.0.4"), node="0.0.3")
    assert node.received == []


def test_a_node_the_network_does_not_have_is_unavailable(settings: Settings) -> None:
    settings.HEDERA_NODES = "0.0.4=127.0.0.1:1"
    with pytest.raises(Unavailable, match=r"no node 0\.0\.3"):
        hedera.broadcast(RAW, node="0.0.3")


def test_local_nodes_are_those_of_the_settings(settings: Settings) -> None:
    settings.HEDERA_NODES = "0.0.3=127.0.0.1:50211, 0.0.4=127.0.0.1:50212,"
    assert hedera.nodes() == ("0.0.3", "0.0.4")


class _AddressBook:
    def __init__(self) -> None:
        self.entries: tuple[NodeAddress, ...] | GatewayError = ()
        self.asked = 0

    def address_book(self) -> tuple[NodeAddress, ...]:
        self.asked += 1
        if isinstance(self.entries, GatewayError):
            raise self.entries
        return self.entries


@pytest.fixture
def book(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[_AddressBook]:
    settings.HEDERA_NETWORK = "testnet"
    settings.HEDERA_TIMEOUT_SECONDS = 2
    found = _AddressBook()
    monkeypatch.setattr(nodes, "mirror", lambda: found)
    hedera.close()
    yield found
    hedera.close()


def test_a_hosted_network_is_asked_for_its_nodes_once(book: _AddressBook) -> None:
    book.entries = (
        NodeAddress("0.0.3", "10.0.0.3", 50211, b"\1" * 48),
        NodeAddress("0.0.4", "", 0, b"\1" * 48),
    )
    assert hedera.nodes() == hedera.nodes() == ("0.0.3",)
    assert nodes.known_nodes()["0.0.3"].target == "10.0.0.3:50212"
    assert book.asked == 1


def test_an_old_address_book_serves_while_the_mirror_is_away(
    book: _AddressBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.entries = (NodeAddress("0.0.3", "10.0.0.3", 50212, b"\1" * 48),)
    assert hedera.nodes() == ("0.0.3",)
    monkeypatch.setattr(nodes, "ADDRESS_BOOK_SECONDS", -1)
    book.entries = Unavailable("away")
    assert hedera.nodes() == ("0.0.3",)
    assert book.asked == 2


def test_without_any_address_book_nothing_is_sent(book: _AddressBook) -> None:
    book.entries = Unavailable("away")
    with pytest.raises(Unavailable):
        hedera.broadcast(RAW, node="0.0.3")
    book.entries = ()
    with pytest.raises(Unavailable, match="names no consensus node"):
        hedera.nodes()


def test_a_tls_node_is_reached_when_its_certificate_is_the_published_one(book: _AddressBook) -> None:
    key, certificate = _certificate()
    server = ConsensusNode(credentials=grpc.ssl_server_credentials([(key, certificate)])).start()
    published = hashlib.sha384(certificate)
    try:
        for form in (published.digest(), published.hexdigest().encode()):
            book.entries = (NodeAddress("0.0.3", "127.0.0.1", server.port, form),)
            hedera.close()
            assert send() is None
    finally:
        server.stop()
    assert server.received == [("contractCallMethod", RAW)] * 2


def test_a_tls_node_with_another_certificate_gets_nothing(book: _AddressBook) -> None:
    server = ConsensusNode(credentials=grpc.ssl_server_credentials([_certificate()])).start()
    book.entries = (NodeAddress("0.0.3", "127.0.0.1", server.port, b"\1" * 48),)
    try:
        error = send()
    finally:
        server.stop()
    assert type(error) is Unavailable
    assert "not in the address book" in error.text
    assert server.received == []


def test_a_tls_node_that_is_down_is_surely_not_sent(book: _AddressBook) -> None:
    book.entries = (NodeAddress("0.0.3", "127.0.0.1", 1, b"\1" * 48),)
    assert type(send()) is Unavailable


class _CuttingRelay:
    """Passes bytes both ways until the node has received a transaction, then cuts the client off."""

    def __init__(self, node: ConsensusNode) -> None:
        self._node = node
        self._listener = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> int:
        threading.Thread(target=self._serve, daemon=True).start()
        port: int = self._listener.getsockname()[1]
        return port

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        client, _ = self._listener.accept()
        upstream = socket.create_connection(("127.0.0.1", self._node.port))
        for source, target in ((client, upstream), (upstream, client)):
            threading.Thread(target=_copy, args=(source, target), daemon=True).start()
        while not self._node.received:
            time.sleep(0.01)
        client.shutdown(socket.SHUT_RDWR)
        client.close()
        upstream.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while chunk := source.recv(65536):
            target.sendall(chunk)
    except OSError:
        return


def _certificate() -> tuple[bytes, bytes]:
    """Key and self-signed certificate in PEM, made out to the name nodes' certificates bear."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, certificate.public_bytes(serialization.Encoding.PEM)
