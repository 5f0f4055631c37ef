"""The documents follow the program: flags, links, length."""

import re
from pathlib import Path

import pytest

from engine.config.recipes import RECIPES
from models.contract import OTHER
from tests.flags_page import PAGE, flags_page

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "REPRODUCTION.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_page_of_flags_is_the_parsers():
    assert PAGE.read_text(encoding="utf-8") == flags_page(), "run: python -m tests.flags_page"


def test_readme_fits_three_minutes():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_within_the_project_leads_somewhere(document):
    for target, anchor in re.findall(r"\]\(([^)#]+)?(?:#([^)]*))?\)", prose(document)):
        if target.startswith("http"):
            continue
        page = document.parent / target if target else document
        assert page.exists(), target
        assert not anchor or anchor in anchors(page), f"{target}#{anchor}"


def prose(document: Path) -> str:
    return re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.S)


def anchors(document: Path) -> set[str]:
    """The headings of a page as links name them: lower case, without punctuation, with hyphens for blanks."""
    titles = re.findall(r"^#+ (.+)$", prose(document), flags=re.M)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_table_of_recipes_is_that_of_the_program():
    lines = re.findall(r"^\|.*\| \d+, \d+ \|.*$", prose(ROOT / "docs/training.md"), flags=re.M)
    listed, family = {}, ""
    for model, kinds, rate, sizes, *_ in (line.split("|")[1:] for line in lines):
        family = re.search(r"`(\w+?)(?:_?\*)?`", model)[1] if model.strip() else family
        for kind in re.findall(r"`(\w[\w-]*)`", kinds) or [OTHER]:
            listed[family, kind] = (float(rate.split(",")[0]), *map(int, sizes.split(",")))
    for (family, kind), figures in listed.items():
        recipe = RECIPES[family][kind]
        assert (recipe.lr, recipe.batch_size, recipe.epochs) == figures, (family, kind)
    assert set(listed) == {("poster_v2", kind) for kind in set(RECIPES["poster_v2"]) - {OTHER}} | {
        (family, OTHER) for family in ("poster_v1", "deep_emotion", OTHER)
    }


def test_every_page_of_docs_is_in_the_readmes_index():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} <= set(re.findall(r"\]\((docs/[^)#]+)\)", readme))
