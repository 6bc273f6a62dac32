"""PostgreSQL refuses to run as root: the account it runs under then, and its way to the files."""

import contextlib
import os
import pwd
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import TypedDict

from devnet.services.processes import ServiceFailed

SYSTEM_USER = "pgserver"


class RunAs(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def postgres_account() -> pwd.struct_passwd | None:
    """None when we are not root and PostgreSQL can simply run as ourselves."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if useradd is None:
        return pwd.getpwnam("nobody")
    print(f'PostgreSQL does not run as root: creating the system user "{SYSTEM_USER}".', file=sys.stderr)
    subprocess.run([useradd, "--system", "--no-create-home", SYSTEM_USER], check=True)  # noqa: S603
    return pwd.getpwnam(SYSTEM_USER)


def run_as(account: pwd.struct_passwd | None) -> RunAs:
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def own_folder(folder: Path, account: pwd.struct_passwd | None) -> None:
    """Make `folder` private to the account."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ours = {os.geteuid(), account.pw_uid if account else os.geteuid()}
    if folder.is_symlink() or folder.stat().st_uid not in ours:
        raise ServiceFailed(
            f"{folder} belongs to somebody else: remove it, or set TMPDIR to a folder of yours"
        )
    folder.chmod(0o700)
    hand_over(folder, account)


def hand_over(path: Path, account: pwd.struct_passwd | None) -> None:
    if account is not None:
        os.chown(path, account.pw_uid, account.pw_gid)


def open_way(path: Path, account: pwd.struct_passwd | None) -> None:
    """Let the account pass through, not list, the folders above `path`."""
    if account is None:
        return
    for folder in path.parents:
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not mode & stat.S_IXOTH:
            print(f"PostgreSQL's own user has to pass through {folder}: chmod o+x.", file=sys.stderr)
            folder.chmod(mode | stat.S_IXOTH)
