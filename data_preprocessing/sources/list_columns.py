"""Which columns of a list hold images, labels, splits, subjects and face boxes: by their names, or as the user says."""

from dataclasses import dataclass, replace
from pathlib import Path

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.words import only_if
from data_preprocessing.sources.labels import few

ROLES = {
    "image": ("image", "path", "file", "filename", "file_name", "filepath", "file_path", "image_path", "image_name", "img"),
    "label": ("label", "emotion", "expression", "class"),
    "split": ("split", "usage", "subset"),
    "subject": ("subject", "subject_id", "person", "person_id", "identity"),
    "box": ("box", "bbox", "face_box"),
}
_SYNTAX = (
    'write "image=NAME,label=NAME" with the columns\' names; split, subject and box may be told, too, and "split=" takes none'
)


@dataclass(frozen=True)
class Columns:
    """Places of a row's fields. split, subject: None without such a column; box: of the four sides, or of all in one, or ()."""

    image: int
    label: int
    split: int | None = None
    subject: int | None = None
    box: tuple[int, ...] = ()

    def without_box(self) -> "Columns":
        """The same but for the box."""
        return replace(self, box=())


def choose_columns(file: Path, header: list[str], told: str | None) -> Columns:
    """The columns of the list `file` by its first row.

    told: "image=NAME,label=NAME,...": what --columns says; a box in four columns is "box=LEFT+TOP+RIGHT+BOTTOM"; a role
    without a name has no column. Other roles are found by the names in ROLES, in any case. Raises DataError where a column
    is not there, or several could be meant.
    """
    wanted = _parse(told)
    found: dict[str, tuple[int, ...]] = {}
    for role, name in wanted.items():
        names = name.split("+") if role == "box" and name.count("+") == 3 else only_if(name, name)
        found[role] = tuple(_place(file, header, role, one) for one in names)
    taken = {place for places in found.values() for place in places}
    for role, names in ROLES.items():
        if role not in found:
            found[role] = _by_name(file, header, role, names, taken)
    for role in ("image", "label"):
        if not found[role]:
            there = few([name or repr("") for name in header], 8)
            raise DataError(f"{file}: no column of {role}s (found {there}); name it by --columns {role}=NAME")
    image, label, split, subject = (found[role][0] if found[role] else None for role in ("image", "label", "split", "subject"))
    return Columns(image, label, split, subject, found["box"])


def _parse(told: str | None) -> dict[str, str]:
    wanted: dict[str, str] = {}
    for part in told.split(",") if told is not None else ():
        role, equals, name = (text.strip() for text in part.partition("="))
        if not equals or role not in ROLES or role in wanted:
            raise DataError(f"--columns {told[:80]!r}: {part.strip()[:40]!r} is not understood; {_SYNTAX}")
        wanted[role] = name
    return wanted


def _place(file: Path, header: list[str], role: str, name: str) -> int:
    places = [k for k, column in enumerate(header) if column == name]
    places = places or [k for k, column in enumerate(header) if _plain(column) == _plain(name)]
    if len(places) != 1:
        count = f"{len(places)} columns are called so" if places else "no such column"
        raise DataError(f"{file}: --columns {role}={name[:40]}: {count} (found {few(header, 8)})")
    return places[0]


def _by_name(file: Path, header: list[str], role: str, names: tuple[str, ...], taken: set[int]) -> tuple[int, ...]:
    places = [k for k, column in enumerate(header) if _plain(column) in names and k not in taken]
    if len(places) > 1:
        if len({_plain(header[k]) for k in places}) == 1:
            raise DataError(f"{file}: {len(places)} columns are called {header[places[0]]}; rename all but one")
        several = " and ".join(header[k] for k in places)
        raise DataError(
            f"{file}: the columns {several} could all be meant for {role}; choose by --columns {role}={header[places[0]]}"
        )
    return tuple(places)


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")
