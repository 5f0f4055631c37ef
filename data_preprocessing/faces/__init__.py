"""Faces in photographs and video frames: found by a packaged finder, aligned the same way for training and prediction.

    finder = make_finder("yunet")
    for face in finder.find(image):            # image: PIL, RGB, upright, as sources.images.load_image gives it
        crop = aligned(image, face, "points", 224)

Nothing here needs an optional package but `make_finder`, which says what to install.
"""

from data_preprocessing.faces.alignment import ALIGNMENTS, Placed, aligned, placed, warped
from data_preprocessing.faces.face import Face, main_face
from data_preprocessing.faces.finders import DEFAULT_FINDER, FINDERS, Finder, make_finder, missing_packages
from data_preprocessing.faces.prepared import prepared_alignment

__all__ = [
    "ALIGNMENTS",
    "DEFAULT_FINDER",
    "FINDERS",
    "Face",
    "Finder",
    "Placed",
    "aligned",
    "main_face",
    "make_finder",
    "missing_packages",
    "placed",
    "prepared_alignment",
    "warped",
]
