"""Asking about many things a few at a time."""

import threading
import time

import pytest

from contracts.gateways.errors import Unavailable
from contracts.gateways.parallel import AT_ONCE, ask_all


def test_the_answers_come_in_the_order_of_the_items_and_only_a_few_are_asked_at_once() -> None:
    lock, under_way, most = threading.Lock(), set[int](), 0

    def ask(item: int) -> int:
        nonlocal most
        with lock:
            under_way.add(item)
            most = max(most, len(under_way))
        time.sleep(0.005 if item % 3 else 0.02)
        with lock:
            under_way.remove(item)
        return item * item

    assert ask_all(ask, range(40)) == [item * item for item in range(40)]
    assert 1 < most <= AT_ONCE


def test_one_item_is_asked_about_without_a_thread() -> None:
    assert ask_all(lambda _: threading.current_thread(), ["one"]) == [threading.current_thread()]
    assert ask_all(len, []) == []


def test_the_first_error_ends_it_and_the_rest_is_not_asked() -> None:
    asked = []

    def ask(item: int) -> None:
        asked.append(item)
        if item == 0:
            raise Unavailable("the mirror node is away")
        time.sleep(0.01)

    with pytest.raises(Unavailable, match="away"):
        ask_all(ask, range(500))
    assert len(asked) < 500
