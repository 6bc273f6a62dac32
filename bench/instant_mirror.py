"""A mirror node that answers at once, in a process of its own: its answers are bytes that lie ready.

    python -m bench.instant_mirror '{"until": 1795170000, "logs": [[5001, "small", 2000, 1795169000]]}'

It writes its address on one line when it is ready, and ends when its standard input does.
"""

import asyncio
import gc
import json
import sys
from typing import Any

from bench.instant_chain import Assets, Chain, Logs, NotAnswered, Pieces, failure

REASONS = {200: b"OK", 400: b"Bad Request", 404: b"Not Found"}
END = b"\r\n\r\n"
LENGTH = b"content-length:"


class Conversation(asyncio.Protocol):
    """One connection that is kept open: requests in, answers out, one after the other."""

    transport: asyncio.Transport

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.unread = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.unread += data
        while (end := self.unread.find(END)) >= 0:
            head = bytes(self.unread[:end])
            stop = end + len(END) + _length(head)
            if len(self.unread) < stop:
                return
            body = bytes(self.unread[end + len(END) : stop])
            del self.unread[:stop]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        target = head.split(b" ", 2)[1].decode()
        path, _, query = target.partition("?")
        try:
            self._write(200, self.chain.answer(path, query, body))
        except NotAnswered as error:
            print(f"{error.status} {target}: {error}", file=sys.stderr, flush=True)
            self._write(error.status, failure(error))

    def _write(self, status: int, pieces: Pieces) -> None:
        head = (
            b"HTTP/1.1 %d %s\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: %d\r\n\r\n"
        )
        self.transport.writelines([head % (status, REASONS[status], sum(map(len, pieces))), *pieces])


def _length(head: bytes) -> int:
    if not head.startswith(b"POST"):
        return 0
    lines = head.lower().split(b"\r\n")
    return next((int(line[len(LENGTH) :]) for line in lines if line.startswith(LENGTH)), 0)


async def serve(chain: Chain) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Conversation(chain), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    # What lies ready stays: looking for garbage in it would be most of the work.
    gc.freeze()
    gc.disable()
    print(f"http://127.0.0.1:{port}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


def chain_of(wanted: dict[str, Any]) -> Chain:
    """``logs`` are [number, mix, events, first second], ``asset`` is [number, holders], ``until`` the chain's end."""
    logs = [Logs(*one) for one in wanted.get("logs", ())]
    return Chain(wanted["until"], logs, Assets(*wanted["asset"]) if "asset" in wanted else None)


if __name__ == "__main__":
    asyncio.run(serve(chain_of(json.loads(sys.argv[1]))))
