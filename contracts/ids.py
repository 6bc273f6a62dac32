"""Names of rows that leave the database: random, so that two databases never give the same one."""

import secrets


def new_uid() -> str:
    """128 random bits as 22 URL-safe characters. A sequence number would repeat after a restore.

    It never begins with a dash, which a command line would take for an option.
    """
    while (uid := secrets.token_urlsafe(16)).startswith("-"):
        pass
    return uid
