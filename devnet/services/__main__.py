"""`python -m devnet.services up|down|run|status|demo`: the local stack, as `make` calls it."""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

from config import boot
from devnet.services import environment
from devnet.services.processes import ServiceFailed
from devnet.services.stack import Stack

INTERRUPTED = 130


def main() -> int:
    arguments = _arguments()
    stack = Stack(boot.home())
    try:
        return COMMANDS[arguments.command](stack, arguments)
    except ServiceFailed as error:
        print(error, file=sys.stderr)
        return 1


def up(stack: Stack, arguments: argparse.Namespace) -> int:
    """Ctrl-C takes back what this call started, and nothing else."""
    was_running = stack.pid() is not None
    stack.choose_stellar(arguments.soroban)
    if not was_running:
        print(f"starting the local stack in {stack.home}", flush=True)
    try:
        stack.up(arguments.scale)
    except KeyboardInterrupt:
        if not was_running:
            stack.down()
        raise
    print(_addresses(stack), flush=True)
    return 0


def down(stack: Stack, arguments: argparse.Namespace) -> int:
    print("stopped" if stack.down() else "nothing was running")
    return 0


def run(stack: Stack, arguments: argparse.Namespace) -> int:
    return stack.run(arguments.scale, echo=not arguments.quiet)


def status(stack: Stack, arguments: argparse.Namespace) -> int:
    """Exit code 0 ready, 1 running but not ready, 3 not running."""
    if stack.pid() is None:
        print("not running")
        return 3
    print(_addresses(stack))
    problem = stack.why_not()
    print(f"not ready: {problem}" if problem else "ready")
    return 1 if problem else 0


def demo(stack: Stack, arguments: argparse.Namespace) -> int:
    """Leaves the stack running, unless --once or ctrl-C; one that ran before is never stopped."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    was_running = stack.pid() is not None
    keep = False
    try:
        up(stack, arguments)
        code = _pay(stack, arguments)
        keep = not arguments.once
        return code
    except KeyboardInterrupt:
        print("\ninterrupted", flush=True)
        return INTERRUPTED
    finally:
        if not was_running and not keep:
            print("stopping what this command started", flush=True)
            stack.down()


def _pay(stack: Stack, arguments: argparse.Namespace) -> int:
    """Log lines between those of the progress would only confuse; a level that somebody chose is kept."""
    if "LOG_LEVEL" not in environment.read(stack.home / "env"):
        os.environ.setdefault("LOG_LEVEL", "WARNING")
    return stack.manage("demo", f"--holders={arguments.holders}", *(["--once"] if arguments.once else []))


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


COMMANDS: dict[str, Callable[[Stack, argparse.Namespace], int]] = {
    "up": up,
    "down": down,
    "run": run,
    "status": status,
    "demo": demo,
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m devnet.services", description=__doc__)
    parser.add_argument("command", choices=list(COMMANDS))
    parser.add_argument("--quiet", action="store_true", help="do not repeat the processes' output")
    parser.add_argument("--once", action="store_true", help="demo: stop afterwards what it started")
    parser.add_argument("--holders", type=int, default=250, help="demo: how many are paid")
    parser.add_argument(
        "--soroban", default="", help="model (the default) or host: what answers as the local Stellar network"
    )
    parser.add_argument(
        "--scale",
        action="append",
        default=[],
        type=_scale,
        metavar="NAME=N",
        help="N copies of a Procfile entry",
    )
    arguments = parser.parse_args()
    arguments.scale = dict(arguments.scale)
    return arguments


def _scale(text: str) -> tuple[str, int]:
    name, _, count = text.partition("=")
    return name, int(count)


def _addresses(stack: Stack) -> str:
    known = environment.read(stack.home / "env")
    lines = [f"admin      {stack.web}/admin/", f"mirror     {known.get('HEDERA_MIRROR_URL', '')}"]
    lines += [f"logs       {stack.home / 'log'}", f"settings   {stack.home / 'env'}"]
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
