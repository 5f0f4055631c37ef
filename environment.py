"""The packages that the program needs, and what to say where one is not installed. Needs nothing but Python itself.

The packages of this program import it first, so that `python -m PACKAGE.COMMAND` ends in one line instead of a traceback.
"""

import sys
from importlib.util import find_spec

# module -> name in requirements.txt; tests hold them equal to what is imported and declared
REQUIRED = {
    "torch": "torch",
    "torchvision": "torchvision",
    "sklearn": "scikit-learn",
    "scipy": "scipy",
    "matplotlib": "matplotlib",
    "numpy": "numpy",
    "PIL": "pillow",
    "tqdm": "tqdm",
    "jinja2": "jinja2",
    "markupsafe": "markupsafe",
    "koreanize_matplotlib": "koreanize-matplotlib",
}
_HELPFUL = {"koreanize_matplotlib"}  # plots do without its font


def missing_packages() -> str:
    """A line that names required packages that are not installed and the remedy, "" where all are."""
    missing = [name for module, name in REQUIRED.items() if module not in _HELPFUL and find_spec(module) is None]
    if not missing:
        return ""
    return (
        f"{', '.join(missing)} not installed for {sys.executable}: use the project's environment, which make .venv sets up: "
        "source .venv/bin/activate"
    )


def require_packages_of_a_command() -> None:
    """End with that line and status 2 where Python is locating a command of `python -m`; an import is left alone."""
    problem = missing_packages() if sys.argv[:1] == ["-m"] else ""
    if problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(2)
