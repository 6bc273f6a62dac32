"""`make demo`: bring the stack up, pay the holders of an asset on it, prove it, and leave it running.

Ctrl-C at any moment stops what this command started, and only that.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from types import FrameType

from config import boot
from devnet.services.processes import ServiceFailed
from devnet.services.stack import PYTHON, Stack

INTERRUPTED = 130


def main() -> int:
    options = _options()
    stack = Stack(boot.home())
    was_running = stack.pid() is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    code = INTERRUPTED
    try:
        code = _demo(stack, options, was_running=was_running)
    except KeyboardInterrupt:
        print("\ninterrupted", flush=True)
    except ServiceFailed as error:
        print(error, file=sys.stderr)
        code = 1
    finally:
        if not was_running and (code == INTERRUPTED or options.once):
            print("stopping what this command started", flush=True)
            stack.down()
    return code


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _demo(stack: Stack, options: argparse.Namespace, *, was_running: bool) -> int:
    begin = time.monotonic()
    stack.up()
    verb = "running already" if was_running else "up"
    print(f"the local stack is {verb} ({time.monotonic() - begin:.1f} s)", flush=True)
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.development", "PYTHONUNBUFFERED": "1"}
    command = [
        PYTHON,
        "manage.py",
        "demo",
        f"--holders={options.holders}",
        *(["--once"] if options.once else []),
    ]
    return subprocess.run(command, cwd=boot.BASE_DIR, env=environment).returncode  # noqa: S603


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--holders", type=int, default=250)
    parser.add_argument("--once", action="store_true", help="stop everything at the end")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
