"""What is asked of a data set beside its place: how a list is read, and how images without a split are cut into splits."""

from dataclasses import dataclass

ENDINGS = (".csv", ".tsv", ".txt", ".lst")  # of a list of images


@dataclass(frozen=True)
class Reading:
    """columns, root: of a list, see read_image_list. subject_regex: finds who is seen in an image's path.

    seed: of every cut at random. folds: how many parts for cross-validation, or "subjects" for one a person, None for the
    data's own splits; fold: which of them is test, from 1; group: "subject" or "none", None for what the data allow.
    contempt: whether AffectNet in its own layout has this class, the eighth.
    """

    columns: str | None = None
    root: str | None = None
    subject_regex: str | None = None
    seed: int = 0
    folds: str | None = None
    fold: int | None = None
    group: str | None = None
    contempt: bool = True


USUAL = Reading()
