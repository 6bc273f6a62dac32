"""Asking the same question about many things, a few at a time."""

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

AT_ONCE = 8
# Of all callers of a process together. The threads stay, because each keeps its connection to the other side.
THREADS = 32
Item = TypeVar("Item")
Answer = TypeVar("Answer")


def ask_all(ask: Callable[[Item], Answer], items: Iterable[Item]) -> list[Answer]:
    """The answers in the order of the items. The first GatewayError ends it.

    ``ask`` runs in other threads: it must not touch the database, whose connection belongs to this one, and must not
    ask many things itself, or threads would wait for each other.
    """
    rest = list(items)
    if len(rest) < 2:
        return [ask(item) for item in rest]
    pool, waiting, answers = _pool(os.getpid()), deque[Future[Answer]](), []
    try:
        for item in rest:
            if len(waiting) == AT_ONCE:
                answers.append(waiting.popleft().result())
            waiting.append(pool.submit(ask, item))
        return answers + [one.result() for one in waiting]
    except BaseException:
        for one in waiting:
            one.cancel()
        raise


@lru_cache(maxsize=1)
def _pool(pid: int) -> ThreadPoolExecutor:
    """A forked process has none of its parent's threads."""
    return ThreadPoolExecutor(THREADS, thread_name_prefix="ask")
