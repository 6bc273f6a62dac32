"""The address of the Soroban RPC when the real host answers: the same port and the same troubles on the way."""

import json
from typing import Any

from devnet.faults import FaultBoard
from devnet.hosted.process import HostProcess
from devnet.http import Answer
from devnet.soroban.errors import NO_METHOD
from devnet.soroban.front import RpcFront, error_answer

OWNERS = "devnet_"
_JSON = {"Content-Type": "application/json"}


class HostRelay(RpcFront):
    """Switches that bend the network's own rules (`soroban.slow`, `soroban.trap`, ...) are the model's alone."""

    def __init__(self, host: HostProcess, faults: FaultBoard, *, port: int = 0) -> None:
        super().__init__(faults, port=port)
        self._host = host

    def answered(self, name: str, params: Any, identity: Any, subject: str) -> Answer:
        if name.startswith(OWNERS):
            return error_answer(identity, NO_METHOD, "method not found")
        body = json.dumps({"jsonrpc": "2.0", "id": identity, "method": name, "params": params})
        return Answer(200, self._host.forward(body.encode()), _JSON)
