"""`tether.py PARENT SIGNAL COMMAND…`: become the command, after asking the kernel for SIGNAL when the parent dies.

A program of its own, because the alternative is Python code between fork and exec of a process that may have
threads and libraries which do not survive a fork.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(parent: str, ending: str, *command: str) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(ending))
    if os.getppid() != int(parent):
        sys.exit(1)  # it died before we could ask
    os.execvp(command[0], command)  # noqa: S606 - the command is the Procfile's


if __name__ == "__main__":
    main(*sys.argv[1:])
