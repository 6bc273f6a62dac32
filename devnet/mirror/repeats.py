"""Pages that come twice: what stood on the page before is shown once more in place of the page asked for."""

import threading
from collections import OrderedDict
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from devnet.faults import FaultBoard
from devnet.http import Answer, Request

SWITCH = "mirror.duplicate_page"
_KEPT = 1_000
Question = tuple[str, tuple[tuple[str, str], ...]]
Page = tuple[str, list[Any]]


def page_of(answer: Answer) -> Page | None:
    """Name and rows of a list that is read page by page."""
    if answer.status != 200 or not isinstance(answer.body, dict) or "links" not in answer.body:
        return None
    return next(((name, rows) for name, rows in answer.body.items() if isinstance(rows, list)), None)


class Repeats:
    """Remembers, while the switch is on, on which page each link was handed out."""

    def __init__(self, faults: FaultBoard) -> None:
        self._faults = faults
        self._lock = threading.Lock()
        self._before: OrderedDict[Question, Page] = OrderedDict()

    def answer(self, request: Request, answer: Answer) -> Answer:
        """The answer, or the page before with a link to the one asked for; its last row is not passed over."""
        page = page_of(answer)
        if page is None or self._faults.peek(SWITCH, request.target) is None:
            return answer
        with self._lock:
            before = self._before.get(_question(request.target))
        link = answer.body["links"]["next"]
        if before and self._faults.hit(SWITCH, request.target) is not None:
            page, link = before, _respelt(request.target)
            answer = Answer(200, {**answer.body, page[0]: page[1], "links": {"next": link}}, answer.headers)
        if link:
            self._remember(link, page)
        return answer

    def _remember(self, link: str, page: Page) -> None:
        with self._lock:
            self._before[_question(link)] = page
            if len(self._before) > _KEPT:
                self._before.popitem(last=False)


def _question(target: str) -> Question:
    parts = urlsplit(target)
    return parts.path, tuple(parse_qsl(parts.query, keep_blank_values=True))


def _respelt(target: str) -> str:
    """The same question in another order: a client may take a link that it has followed for a circle.

    Asked for twice in every order it is one, as with a server that never goes on.
    """
    path, _, query = target.partition("?")
    first, _, rest = query.partition("&")
    return f"{path}?{rest}&{first}" if rest else f"{path}?{first}&"
