"""Checkpoints of older formats, brought to the newest one step at a time."""


def _with_progress_and_images(content: dict) -> dict:
    """1 -> 2: epochs were only saved whole, and which images a run had was not kept."""
    return content | {"version": 2, "progress": None, "pictures": {}}


_STEPS = {1: _with_progress_and_images}  # the version that a step begins with


def migrate(content: dict) -> dict:
    """`content` of one of our checkpoints, of any version known here, as the newest version holds it."""
    while content["version"] in _STEPS:
        content = _STEPS[content["version"]](content)
    return content
