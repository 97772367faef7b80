"""The documentation builds without a warning, its links lead somewhere, nothing is fetched."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

import computenet

ROOT = Path(computenet.__file__).parent.parent
pytest.importorskip("mkdocs", reason="mkdocs is not installed")
pytest.importorskip("material", reason="mkdocs-material is not installed")
pytest.importorskip("nbformat", reason="nbformat is not installed")

MADE = ("cli", "scenario", "policies", "python", "builtin")


class Page(HTMLParser):
    """What a page names and what it points at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.lang = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        self.names |= {given[key] for key in ("id", "name") if key in given}
        if tag == "html":
            self.lang = given.get("lang", "")
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in ("script", "img", "iframe", "source") and "src" in given:
            self.fetched.append(given["src"])
        if tag == "link" and given.get("rel") in ("stylesheet", "icon", "preconnect", "preload"):
            self.fetched.append(given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Page]:
    """Build the site as `make docs` does, but for the running of notebooks."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "EXECUTE_NOTEBOOKS": "false"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    pages = {
        path.resolve(): Page(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")
    }
    assert len(pages) > 30
    return pages


def test_every_link_leads_somewhere(site: dict[Path, Page]) -> None:
    dead = []
    for path, page in site.items():
        if path.name == "404.html":  # Served from anywhere, so its links begin at the root.
            continue
        for link in (*page.links, *page.fetched):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target = target / "index.html"
            anchor = unquote(parts.fragment)
            missing = not target.is_file() or (
                anchor and target in site and anchor not in site[target].names
            )
            if missing:
                dead.append(f"{path.name}: {link}")
    assert dead == []


def test_nothing_is_fetched_from_elsewhere(site: dict[Path, Page]) -> None:
    outside = {link for page in site.values() for link in page.fetched if urlsplit(link).netloc}
    assert outside == set()
    (folder,) = {path.parent for path in site if path.name == "404.html"}
    for sheet in folder.rglob("*.css"):
        assert "url(http" not in sheet.read_text(encoding="utf-8"), sheet


def test_pages_say_their_language(site: dict[Path, Page]) -> None:
    told = {(path.parent.name == "zh", page.lang) for path, page in site.items()}
    assert told == {(True, "zh-CN"), (False, "en")}


def _commands(group: Any, before: str = "") -> Iterator[str]:
    """Yield the anchor of every command, those of groups included."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before}{name}-")
        else:
            yield before + name


def test_reference_lists_what_there_is(site: dict[Path, Page]) -> None:
    import typer

    from computenet.cli.main import app
    from computenet.policies.registry import BUILT_IN
    from computenet.scenario import Scenario

    pages = {path.stem: page for path, page in site.items() if path.parent.name == "reference"}
    assert set(MADE) <= set(pages)
    assert set(computenet.__all__) <= {
        name for name in computenet.__all__ if name.lower() in pages["python"].names
    }
    assert set(_commands(typer.main.get_command(app))) <= pages["cli"].names
    schema = Scenario.model_json_schema()
    models = {name.removesuffix("Spec").lower() for name in schema["$defs"]}
    assert models <= pages["scenario"].names
    assert set(BUILT_IN) <= pages["policies"].names
