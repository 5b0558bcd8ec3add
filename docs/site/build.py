"""Build the documentation site: `python docs/site/build.py [FOLDER]`, by default into build/docs.

The pages are the Markdown files of the checkout. What code knows better is filled in where a page says
`<!-- generated: NAME -->`; examples become pages; links that leave the site are rewritten. Zensical then makes HTML of
it in its strict mode, and the pages are checked once more: no link leads nowhere, and nothing is loaded from a network.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

from check import problems  # noqa: E402
from pages import GENERATED, page_of_example  # noqa: E402

OUTSIDE_DOCS = {"CONTRIBUTING.md": "project/contributing.md", "CHANGELOG.md": "project/changelog.md"}
"""Files of the checkout that are pages of the site too, and where."""
KINDS = {".md", ".css", ".jpg", ".png", ".gif", ".webp", ".svg"}


def places() -> dict[Path, str]:
    """Return each file of the checkout that the site shows, and its place in the site's folder."""
    found = {ROOT / name: place for name, place in OUTSIDE_DOCS.items()}
    found |= {path: f"cards/{path.name}" for path in sorted((ROOT / "videopose/assets").glob("*.md"))}
    for path in sorted((ROOT / "docs").rglob("*")):
        name = path.relative_to(ROOT / "docs")
        if name.parts[0] == "training":
            continue
        if path.suffix in KINDS:
            found[path] = name.as_posix()
        elif path.parent.name == "examples" and path.suffix == ".py":
            found[path] = name.with_suffix(".md").as_posix()
    return found


def relinked(text: str, source: Path, there: dict[Path, str]) -> str:
    """Rewrite the links of a page: to where their targets lie on the site, or to plain text where they lie outside."""
    place = Path(there[source]).parent

    def link(found: re.Match[str]) -> str:
        label, target, anchor = found[1], found[2], found[3] or ""
        if "://" in target or not target:
            return found[0]
        path = (source.parent / target).resolve()
        if path in there:
            return f"[{label}]({os.path.relpath(there[path], place)}{anchor})"
        if not path.exists():
            raise SystemExit(f"{source.relative_to(ROOT)}: the link to {target} leads nowhere")
        name = f"`{path.relative_to(ROOT)}`"
        return name if label.strip("`/") in name else f"{label} ({name})"

    return re.sub(r"(?<!\\)\[((?:[^][]|\[[^][]*\])*)\]\(([^)#\s]*)(#[^)\s]*)?\)", link, text)


def assemble(folder: Path) -> None:
    """Lay out the pages and the configuration in an empty folder."""
    there = places()
    for source, place in there.items():
        target = folder / "docs" / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".py":
            target.write_text(relinked(page_of_example(source), source, there), encoding="utf-8")
        elif source.suffix == ".md":
            text = source.read_text(encoding="utf-8")
            for name, build in GENERATED.items():
                mark = f"<!-- generated: {name} -->"
                text = text.replace(mark, build()) if mark in text else text
            target.write_text(relinked(text, source, there), encoding="utf-8")
        else:
            shutil.copyfile(source, target)
    (folder / "zensical.toml").write_text(_with_all_pages(there), encoding="utf-8")


def _with_all_pages(there: dict[Path, str]) -> str:
    """Return the configuration, pages that its menu does not name added at its end under their titles."""
    config = (HERE / "zensical.toml").read_text(encoding="utf-8")
    missing = {}
    for source, place in there.items():
        if place.endswith(".md") and not place.startswith("cards/") and f'"{place}"' not in config:
            title = re.search(r"^# (.+)$", source.read_text(encoding="utf-8"), flags=re.MULTILINE)
            missing[place] = (title[1] if title else source.stem).replace('"', "'")
    rows = "".join(f'    {{ "{title}" = "{place}" }},\n' for place, title in sorted(missing.items()))
    more = f'  {{ "More" = [\n{rows}  ] }},' if rows else ""
    return re.sub(r"^  # more pages.*$", more.replace("\\", r"\\"), config, flags=re.MULTILINE)


def main(arguments: list[str]) -> int:
    """Build the site and return 0 if nothing is wrong with it."""
    folder = Path(arguments[0]) if arguments else ROOT / "build/docs"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    assemble(folder)
    home = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict", "--clean"],
        cwd=folder, env=home, text=True, capture_output=True, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    if done.returncode:
        print(said)
        return done.returncode
    wrong = problems(folder / "site")
    print(*wrong, sep="\n", end="\n" if wrong else "")
    pages = len(list((folder / "site").rglob("*.html")))
    print(f"{folder / 'site' / 'index.html'}: {pages} pages, {len(wrong)} problems")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
