"""`python -m devnet.services up|down|run|status`: the local stack. `make up` and `make down` call this."""

import argparse
import sys

from config import boot
from devnet.services import environment
from devnet.services.processes import ServiceFailed
from devnet.services.stack import Stack


def main() -> int:
    arguments = _arguments()
    stack = Stack(boot.home())
    try:
        match arguments.command:
            case "up":
                stack.up(arguments.scale)
                print(_addresses(stack))
            case "run":
                return stack.run(arguments.scale, echo=not arguments.quiet)
            case "down":
                print("stopped" if stack.down() else "nothing was running")
            case _:
                print(_addresses(stack) if stack.pid() else "not running")
                return 0 if stack.is_ready() else 1
    except ServiceFailed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m devnet.services", description=__doc__)
    parser.add_argument("command", choices=["up", "down", "run", "status"])
    parser.add_argument("--quiet", action="store_true", help="do not repeat the processes' output")
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
    sys.exit(main())
