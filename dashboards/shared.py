"""What of a page is left when it is shared: to be read, and nothing to do or to follow. Pure.

Knows HTML as our own templates write it, which is whole: every element that is opened is closed. Refuses to know what a page is about.
Forms, buttons and what stands beside them go; a link becomes its text, unless it leads to another place of the same page; and what says
`data-body` goes, unless bodies are to be seen: that is what calls and cases hold.
"""

from __future__ import annotations

from html.parser import HTMLParser

_GONE = frozenset({"form", "button", "dialog", "nav"})
_ACTIONS = "actions"
_BODY = "data-body"


def read_only(html: str, *, bodies: bool) -> str:
    """The page without everything that does something or leads elsewhere."""
    reader = _Reader(bodies=bodies)
    reader.feed(html)
    reader.close()
    return "".join(reader.kept)


class _Reader(HTMLParser):
    def __init__(self, *, bodies: bool) -> None:
        super().__init__(convert_charrefs=False)
        self.kept: list[str] = []
        self._bodies = bodies
        self._gone = ""
        self._depth = 0
        self._links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if self._gone:
            self._depth += tag == self._gone
        elif self._goes(tag, given):
            self._gone, self._depth = tag, 1
        elif tag == "a":
            stays = (given.get("href") or "").startswith("#")
            self._links.append("a" if stays else "span")
            self._keep((self.get_starttag_text() or "") if stays else "<span>")
        else:
            self._keep(self.get_starttag_text() or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._keep(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        if self._gone:
            self._depth -= tag == self._gone
            self._gone = self._gone if self._depth else ""
        else:
            self._keep(f"</{self._links.pop() if tag == 'a' and self._links else tag}>")

    def handle_data(self, data: str) -> None:
        self._keep(data)

    def handle_entityref(self, name: str) -> None:
        self._keep(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._keep(f"&#{name};")

    def handle_decl(self, decl: str) -> None:
        self._keep(f"<!{decl}>")

    def _goes(self, tag: str, given: dict[str, str | None]) -> bool:
        classes = (given.get("class") or "").split()
        return tag in _GONE or _ACTIONS in classes or (_BODY in given and not self._bodies)

    def _keep(self, text: str) -> None:
        if not self._gone:
            self.kept.append(text)
