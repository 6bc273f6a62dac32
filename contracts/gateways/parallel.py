"""Asking the same question about many things, a few at a time."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

AT_ONCE = 8
Item = TypeVar("Item")
Answer = TypeVar("Answer")


def ask_all(ask: Callable[[Item], Answer], items: Iterable[Item]) -> list[Answer]:
    """The answers in the order of the items. The first GatewayError ends it.

    ``ask`` runs in other threads: it must not touch the database, whose connection belongs to this one.
    """
    rest = list(items)
    if len(rest) < 2:
        return [ask(item) for item in rest]
    with ThreadPoolExecutor(min(AT_ONCE, len(rest))) as pool:
        answers = [pool.submit(ask, item) for item in rest]
        try:
            return [answer.result() for answer in answers]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
