"""Check a built site: every link and anchor leads somewhere inside it, and no page loads anything from a network."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

LOADED = {
    "script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src",
}  # fmt: skip
HARMLESS = {"canonical", "next", "prev", "edit", "author"}
"""Kinds of `<link>` that a browser does not load."""


class _Page(HTMLParser):
    """Collects what a page links to, loads, and can be linked at."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        for name in ("id", "name"):
            if facts.get(name):
                self.anchors.add(str(facts[name]))
        if tag == "a" and facts.get("href"):
            self.links.append(str(facts["href"]))
        address = facts.get(LOADED.get(tag, ""))
        if address and not (tag == "link" and facts.get("rel") in HARMLESS):
            self.loaded.append(address)


def problems(site: Path) -> list[str]:
    """Return a line for each link that leads nowhere and each address that a page would load."""
    pages = {}
    for path in sorted(site.rglob("*.html")):
        pages[path] = _Page()
        pages[path].feed(path.read_text(encoding="utf-8"))
    wrong = []
    for path, page in pages.items():
        name = path.relative_to(site)
        wrong += [f"{name}: loads {address}" for address in page.loaded if "//" in address]
        if path.name == "404.html":
            continue  # its links are written for a site at the root of a host
        for address in [*page.links, *page.loaded]:
            target, anchor = urldefrag(unquote(address))
            if ":" in target.partition("/")[0]:
                continue
            there = (path.parent / target).resolve() if target else path
            if there.is_dir():
                there = there / "index.html"
            if not there.exists():
                wrong.append(f"{name}: {address} leads nowhere")
            elif anchor and there in pages and anchor not in pages[there].anchors:
                wrong.append(f"{name}: {address}: there is no such heading")
    for path in sorted(site.rglob("*.css")):
        text = path.read_text(encoding="utf-8")
        if "url(http" in text or "url(//" in text or "@import" in text:
            wrong.append(f"{path.relative_to(site)}: loads something from elsewhere")
    return wrong
