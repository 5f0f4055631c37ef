"""Small data sets with a list each, and reading them as the programs do."""

import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from data_preprocessing.audit.command import list_images
from data_preprocessing.readers import READERS
from data_preprocessing.sources.fer2013 import read_fer2013
from data_preprocessing.sources.folders import check_images
from data_preprocessing.sources.open_source import open_source
from data_preprocessing.sources.trees import open_tree
from tests.fuzz.hostile import outcome, silent
from tests.fuzz.picture_files import samples

IMAGE = samples()["png L"]
USAGES = ("Training", "Training", "PublicTest", "PrivateTest", "Training")


def pixels(seed: int) -> str:
    return " ".join(map(str, np.random.default_rng(seed).integers(0, 256, 2304)))


def table(*columns: str) -> bytes:
    rows = [{"emotion": str(k), "pixels": pixels(k), "Usage": usage} for k, usage in enumerate(USAGES)]
    return "\n".join([",".join(columns), *(",".join(row[c.strip()] for c in columns) for row in rows), ""]).encode()


def entry(name: str, emotion: str) -> dict:
    votes = {f"annot_{k}": {"faceExp": emotion, "boxes": {"minX": 1, "minY": 1.5, "maxX": 9, "maxY": 9}} for k in "ABC"}
    return {"filename": name, "faceExp_uploader": emotion, **votes}


def npy(value: object) -> bytes:
    target = io.BytesIO()
    np.save(target, value)
    return target.getvalue()


VOTES = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n" + "".join(
    f"{usage},fer{k}.png,{','.join('9' if k == j else '0' for j in range(10))}\n" for k, usage in enumerate(USAGES)
)
ENTRIES = json.dumps([entry("s1_기쁨.jpg", "기쁨"), entry("s2_분노.jpg", "분노")], ensure_ascii=False, indent=1)
FER2013 = {"fer2013.csv": table("emotion", "pixels", "Usage")}
FACES = {f"{split}/{name}/p1.png": IMAGE for split in ("train", "valid", "test") for name in ("a", "b")}
AFFECTNET = {f"{split}_set/images/{k}.jpg": IMAGE for split in ("train", "val") for k in range(3)}
NAMES = {f"{split}_set/annotations/{k}_exp.npy": npy(k) for split in ("train", "val") for k in range(3)}


def read_all(root: Path) -> None:
    """What main.py does with --data before it trains."""
    for read in open_source(root).values():
        check_images(read(), skip_bad=True)


def read_table(root: Path) -> None:
    (file,) = (path for path in root.iterdir() if path.name != "test.csv")
    for split in read_fer2013(file, valid_rows=1).values():
        check_images(split, skip_bad=True)


def reading(name: str) -> Callable[[Path], None]:
    """What prepare does with --source before it writes."""

    def read(root: Path) -> None:
        tree = open_tree(root)
        listing = READERS[name].read(tree, SimpleNamespace(num_classes=8, label="majority", neutral=True))
        assert all(len(note.splitlines()) == 1 for note in listing.notes)

    return read


# the file that is damaged, all files, what reads them
LISTS = {
    "fer2013.csv": ("fer2013.csv", FER2013, read_table),
    "icml_face_data.csv": ("x.csv", {"x.csv": table("emotion", " Usage", " pixels")}, read_table),
    "train.csv": ("train.csv", {"train.csv": table("emotion", "pixels")}, read_table),
    "test.csv": ("test.csv", {name: table("emotion", "pixels") for name in ("train.csv", "test.csv")}, read_table),
    "fer2013 prepared": ("fer2013.csv", FER2013, reading("fer2013")),
    "ferplus": ("fer2013new.csv", {**FER2013, "fer2013new.csv": VOTES.encode()}, reading("ferplus")),
    "rafdb": (
        "list_patition_label.txt",
        {
            "list_patition_label.txt": b"".join(b"%s_%d.jpg %d\n" % (s, k, k) for s in (b"train", b"test") for k in (1, 2)),
            **{f"Image/aligned/{split}_{k}_aligned.jpg": IMAGE for split in ("train", "test") for k in (1, 2)},
        },
        read_all,
    ),
    "affectnet list": (
        "train_set/train_annotations.txt",
        {
            "train_set/train_annotations.txt": b"0.jpg 0\n1.jpg 1\n2.jpg 2\n",
            "val_set/val_annotations.txt": b"0.jpg 0\n1.jpg 1\n2.jpg 2\n",
            **AFFECTNET,
        },
        read_all,
    ),
    "affectnet npy": ("train_set/annotations/1_exp.npy", {**AFFECTNET, **NAMES}, read_all),
    "aihub": (
        "기쁨.json",
        {"기쁨.json": ENTRIES.encode(), "x/s1_기쁨.jpg": IMAGE, "x/s2_분노.jpg": IMAGE},
        reading("aihub"),
    ),
    "ck+": (
        "E/S005_001_00000003_emotion.txt",
        {
            "E/S005_001_00000003_emotion.txt": b"   3.0000000e+00\n",
            "E/S006_001_00000003_emotion.txt": b"   1.0000000e+00\n",
            **{f"I/S00{s}/001/S00{s}_001_0000000{k}.png": IMAGE for s in (5, 6) for k in (1, 2, 3, 4)},
        },
        reading("ck+"),
    ),
    "manifest.csv": ("manifest.csv", {**FACES, "manifest.csv": b"path,subject\ntrain/a/p1.png,p1\n"}, list_images),
}


def planted(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def read_with(name: str, data: bytes) -> None:
    """Read the files of LISTS[name] with other content in the one that is damaged."""
    damaged, files, read = LISTS[name]
    with tempfile.TemporaryDirectory() as folder, silent():
        outcome(read, planted(Path(folder), {**files, damaged: data}))
