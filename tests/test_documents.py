"""The documents follow the program: flags, links, length."""

import re
from pathlib import Path

import pytest

from tests.flags_page import PAGE, flags_page

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "REPRODUCTION.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_page_of_flags_is_the_parsers():
    assert PAGE.read_text(encoding="utf-8") == flags_page(), "run: python -m tests.flags_page"


def test_readme_fits_three_minutes():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_within_the_project_leads_somewhere(document):
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)#]+)?(?:#[^)]*)?\)", text):
        if target and not target.startswith("http"):
            assert (document.parent / target).exists(), target


def test_every_page_of_docs_is_in_the_readmes_index():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} <= set(re.findall(r"\]\((docs/[^)#]+)\)", readme))
