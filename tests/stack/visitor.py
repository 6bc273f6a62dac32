"""Somebody who logs in to the admin and opens every page that is linked."""

import re
from collections import deque
from html import unescape

import requests

from tests.patience import PATIENCE

MOST_PAGES = 150
ALIKE = 3
LINK = re.compile(r'href="(/admin/[^"#]*)"')
LEAVING = ("/admin/logout/", "/admin/jsi18n/")


class Visitor:
    def __init__(self, address: str) -> None:
        self.address = address
        self.pages: dict[str, requests.Response] = {}
        self._session = requests.Session()
        self._session.trust_env = False

    def log_in(self, name: str, password: str) -> None:
        page = self.get("/admin/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        assert token is not None
        form = {"username": name, "password": password, "csrfmiddlewaretoken": token[1], "next": "/admin/"}
        answer = self._session.post(
            f"{self.address}/admin/login/", data=form, headers={"Referer": self.address}, timeout=PATIENCE
        )
        assert answer.url == f"{self.address}/admin/", "the log-in was refused"

    def get(self, path: str, **headers: str) -> requests.Response:
        return self._session.get(self.address + path, headers=headers, timeout=PATIENCE)

    def crawl(self) -> None:
        """Breadth first from the front page; of pages that differ by number or query only, a few."""
        waiting, known = deque(["/admin/"]), {"/admin/"}
        seen: dict[str, int] = {}
        while waiting and len(self.pages) < MOST_PAGES:
            path = waiting.popleft()
            shape = re.sub(r"\d+", "N", path.partition("?")[0])
            seen[shape] = seen.get(shape, 0) + 1
            if seen[shape] > ALIKE:
                continue
            self.pages[path] = self.get(path)
            links = {unescape(link) for link in LINK.findall(self.pages[path].text)} - known
            known |= links
            waiting.extend(sorted(link for link in links if not link.startswith(LEAVING)))
