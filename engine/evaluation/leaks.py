"""Images that one split shares with another, known by the SHA-256 of their contents, and what this does to the figures."""

from dataclasses import dataclass

from data_preprocessing.sources.folders import Checked, Stamps
from engine.checkpoints.format import Checkpoint
from engine.run_folder.manifest import image_hashes, seen_images

_REMEDY = (
    "python -m data_preprocessing.audit DIR lists copies; remove them from one of the splits, or split again with "
    "python -m data_preprocessing.prepare"
)


@dataclass(frozen=True)
class Copies:
    """`count` of the `images` of `split` have the content of an image of `other`."""

    split: str
    other: str
    count: int
    images: int

    def said(self, whose: str = "") -> str:
        """In words. whose: what `other` belongs to, where it is not this run's."""
        share = f"{100 * self.count / self.images:.1f} %"
        are = "are" if self.count != 1 else "is"
        return f"{self.count:,} of the {self.images:,} images of {self.split} ({share}) {are} also in {self.other}{whose}"


def find_copies(checks: dict[str, Checked]) -> list[Copies]:
    """Of every pair of splits that share images, those of test before those of valid. checks: by split name."""
    hashes = {name: image_hashes(checks[name].stamps) for name in ("train", "valid", "test") if name in checks}
    found = []
    for split in reversed(hashes):
        earlier = {name: hashes[name] for name in list(hashes)[: list(hashes).index(split)]}
        for other, count in seen_images(earlier, checks[split].stamps).items():
            if count:
                found.append(Copies(split, other, count, len(hashes[split])))
    return found


def training_warning(found: list[Copies], report: str) -> str:
    """A warning about copies between the splits of a run, "" without any. report: name of the split that is reported."""
    if not found:
        return ""
    if any(one.split == report for one in found):
        meaning = f"the figures on {report} are optimistic"
    else:
        meaning = f"the epoch is chosen on images of {found[0].other}"
    parts = "; ".join(one.said() for one in found)
    return f"warning: copies between the splits (same SHA-256): {parts}: {meaning}; {_REMEDY}"


def tested_before(checkpoint: Checkpoint, split: str, stamps: Stamps) -> list[Copies]:
    """The images to be tested that the run of `checkpoint` trained on or chose its epoch on. stamps: of `split`."""
    chosen = "valid" if "valid" in checkpoint.pictures else "test"
    seen = seen_images(checkpoint.pictures, stamps)
    return [Copies(split, other, seen[other], len(stamps)) for other in ("train", chosen) if seen.get(other)]


def evaluation_warning(found: list[Copies]) -> str:
    """A warning about what `tested_before` found, "" where that is nothing."""
    if not found:
        return ""
    first = found[0]
    parts = "; ".join(one.said(" of this checkpoint's run") for one in found)
    if first.other != "train":
        meaning = "the epoch was chosen on them, so the result is optimistic"
    elif first.count == first.images:
        meaning = "the result says nothing about new faces"
    else:
        meaning = f"the result is optimistic; {_REMEDY}"
    return f"warning: copies (same SHA-256): {parts}: {meaning}"


def as_facts(found: list[Copies]) -> list[dict]:
    """For args.json and result.json."""
    return [vars(one) for one in found]
