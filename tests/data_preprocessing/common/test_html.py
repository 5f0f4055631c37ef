"""Templates are found from anywhere, and whatever fills them is harmless."""

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from data_preprocessing.common.html import CSS, document, render_template
from tests.html_pages import Page


def test_a_template_is_found_from_any_folder_and_its_values_are_escaped(tmp_path, monkeypatch):
    (tmp_path / "own").mkdir()
    template = tmp_path / "own/own.html"
    template.write_text('{% from "table.html" import table %}<p title="{{ a }}">{{ b }}</p>{{ table(a, [a], [[a, 1234]]) }}')
    monkeypatch.chdir("/")
    found = render_template(template, a="<i>'\"&\x1b\udcff\u202e\n", b=Markup("<b>kept</b>"))
    page = Page(str(found))
    assert page.all("p") == [{"title": "<i>'\"&\\x1b\\udcff\\u202e\\n"}] and page.all("b") and not page.all("i")
    assert "1,234" in page.text and "\x1b" not in found and "\u202e" not in found
    with pytest.raises(UndefinedError):
        render_template(template, a="")


@pytest.mark.parametrize("script", ["", "1 < 2 && 'x'"])
def test_the_policy_of_a_page_allows_its_own_style_and_script_alone(script):
    page = Page(document("<title>", Markup("<h1>x</h1>"), "a > b {}", script))
    [policy] = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-") and "unsafe" not in policy
    assert ("script-src 'none'" in policy) == (not script) and "base-uri 'none'; form-action 'none'" in policy
    assert f"<style>\n{CSS}a > b {{}}</style>" in page.source and len(page.all("script")) == bool(script)
    assert f"<script>{script}</script>" in page.source or not script
