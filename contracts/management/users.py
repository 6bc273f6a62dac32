"""Who runs a command, for the audit trail."""

import getpass


def current_user() -> str:
    try:
        return f"{getpass.getuser()} (command)"
    except (KeyError, OSError):  # a user without a name, as in some containers
        return "command"
