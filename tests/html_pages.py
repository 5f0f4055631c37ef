"""Reading a page that this program wrote."""

from html.parser import HTMLParser

VOID = {"meta", "img", "br", "rect", "line", "circle", "polyline"}


class Page(HTMLParser):
    """Elements, attributes and text; raises where a tag is closed that is not open."""

    def __init__(self, source: str):
        super().__init__()
        self.source = source
        self.open, self.tags, self.text = [], [], ""
        self.feed(self.source)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text += data

    def all(self, tag: str) -> list[dict]:
        """The attributes of every such element."""
        return [attributes for name, attributes in self.tags if name == tag]
