"""CK+: filmed sequences from a neutral face to the peak of an expression.

Lucey et al., "The Extended Cohn-Kanade Dataset (CK+)" (CVPR Workshops 2010): images in S005/001/S005_001_00000011.png, and
for each sequence that shows an emotion a file S005_001_00000011_emotion.txt. Also read is the 48×48 form that is about,
anger/S010_004_00000017.png, which holds the last three frames of these sequences.
"""

import re
from collections import defaultdict
from types import SimpleNamespace

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import MOST_TEXT
from data_preprocessing.readers.layouts import base_name, counted, image_names, without_copies, wrong_layout
from data_preprocessing.sources.labels import folders_of, stem
from data_preprocessing.sources.records import Listing, Record
from data_preprocessing.sources.trees import Tree

DESCRIPTION = "cohn-kanade-images/S005/001/*.png and Emotion/S005/001/*_emotion.txt, or anger/S010_004_00000017.png ..."
EMOTIONS = ("anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")  # by the files' labels, 1 to 7
LAST_FRAMES = 3  # of a sequence, which show its label: the usual protocol
_FRAME = re.compile(r"(S\d+)_(\d+)_(\d+)", re.IGNORECASE)
_LABEL_FILE = re.compile(r"(S\d+)_(\d+)_\d+_emotion\.txt", re.IGNORECASE)


def fits(names: list[str]) -> bool:
    """Whether an image lies and is called as CK+'s are, in either form."""
    return any(_frame_of(name) or _class_of(name) for name in image_names(names))


def read(tree: Tree, options: SimpleNamespace) -> Listing:
    """The images of either form, their subject the first field of the name; the native form alone where both are there.

    Of the native form, the last three frames of each labelled sequence. options.neutral: and its first frame, as
    "neutral", unless it is one of the last three. What is left out or missing is counted in the notes.
    Raises DataError where neither form is found, or a label cannot be read.
    """
    frames = {name: frame for name in image_names(tree.names()) if (frame := _frame_of(name))}
    if frames:
        return _read_sequences(tree, frames, options.neutral)
    return _read_folders(tree, options.neutral)


def _read_sequences(tree: Tree, frames: dict[str, tuple[str, str, int]], neutral: bool) -> Listing:
    """frames: name of an image -> (subject, sequence, number of the frame)."""
    labels = _labels(tree)
    first, copies = without_copies((frame, name) for name, frame in frames.items())
    sequences = defaultdict(list)
    for subject, sequence, number in sorted(first):
        sequences[subject, sequence].append(first[subject, sequence, number])
    records = []
    for key in sorted(labels.keys() & sequences.keys()):
        shown = sequences[key]
        if neutral and len(shown) > LAST_FRAMES:
            records.append(Record(shown[0], "neutral", key[0]))
        records += [Record(name, labels[key], key[0]) for name in shown[-LAST_FRAMES:]]
    if not records:
        raise wrong_layout(tree, "CK+'s *_emotion.txt of these sequences; put Emotion_labels.zip beside the images")
    unlabelled = ["/".join(key) for key in sorted(sequences.keys() - labels.keys())]
    absent = ["/".join(key) for key in sorted(labels.keys() - sequences.keys())]
    others = [name for name in image_names(tree.names()) if name not in frames]
    notes = (
        *counted("sequences without a label, left out", unlabelled),
        *counted("labelled sequences without images", absent),
        *counted("images in no folder subject/sequence, left out", others),
        *counted("images that are there more than once, left out", copies),
    )
    return Listing(tree, tuple(records), notes)


def _read_folders(tree: Tree, neutral: bool) -> Listing:
    """The images in a folder of their class; a folder neutral, which some copies have, is one of the classes."""
    classes = {name: label for name in image_names(tree.names()) if (label := _class_of(name))}
    if not classes:
        raise wrong_layout(tree, "CK+: S005/001/S005_001_00000011.png with *_emotion.txt, or anger/S010_004_00000017.png")
    first, copies = without_copies(((label, stem(name).upper()), name) for name, label in classes.items())
    records = tuple(Record(name, classes[name], stem(name).split("_")[0].upper()) for name in first.values())
    others = [name for name in image_names(tree.names()) if name not in classes]
    notes = [
        *counted("images not as anger/S010_004_00000017.png, left out", others),
        *counted("images that are there more than once, left out", copies),
    ]
    if neutral and "neutral" not in classes.values():
        notes.append("no neutral images: this form of CK+ lacks the first frames of the sequences")
    return Listing(tree, records, tuple(notes))


def _frame_of(name: str) -> tuple[str, str, int] | None:
    """Subject, sequence and frame number of an image in a folder subject/sequence; None of another image."""
    match = _FRAME.fullmatch(stem(name))
    if not match or tuple(folder.upper() for folder in folders_of(name)[-2:]) != (match[1].upper(), match[2]):
        return None
    return match[1].upper(), match[2], int(match[3])


def _class_of(name: str) -> str | None:
    """The class of an image in a folder of that name; None of another image."""
    folder = "".join(folders_of(name)[-1:]).lower()
    folder = {"happy": "happiness"}.get(folder, folder)  # as the form that is about calls it; other data sets say happiness
    return folder if folder in (*EMOTIONS, "neutral") and _FRAME.fullmatch(stem(name)) else None


def _labels(tree: Tree) -> dict[tuple[str, str], str]:
    """The class of each labelled sequence, by (subject, sequence)."""
    labels = {}
    for name in tree.names():
        match = _LABEL_FILE.fullmatch(base_name(name))
        if match:
            key, label = (match[1].upper(), match[2]), _label(tree, name)
            if labels.setdefault(key, label) != label:
                raise DataError(f"{tree.root / name}: {label}, but another file says {labels[key]}; remove the wrong one")
    return labels


def _label(tree: Tree, name: str) -> str:
    text = tree.read(name, MOST_TEXT).decode("ascii", "replace").strip()
    for label, emotion in enumerate(EMOTIONS, 1):
        if re.fullmatch(rf"{label}(\.0*)?(e[+-]?0+)?", text, re.IGNORECASE):  # written as "   3.0000000e+00"
            return emotion
    meaning = ", ".join(f"{label} {emotion}" for label, emotion in enumerate(EMOTIONS, 1))
    raise DataError(f"{tree.root / name}: {text[:20]!r} is no label ({meaning}); unpack the file anew")
