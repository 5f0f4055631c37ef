"""Static quantisation of an ONNX file by onnxruntime: weights and activations of the large products in 8 bits."""

import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from models.export.formats import INPUT

_PRODUCTS = ("Conv", "Gemm", "MatMul")


def quantise(path: Path, images: Iterable[Image.Image], prepare: Callable, takes_pixels: bool) -> None:
    """Replace the float32 ONNX file at `path`. images: RGB, what the ranges of the activations are taken from.

    Only products with constant weights are quantised: those of the attention and of the preparation stay as they are.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self, batches: Iterator[np.ndarray]):
            self.batches = batches

        def get_next(self) -> dict | None:
            batch = next(self.batches, None)
            return None if batch is None else {INPUT: batch[None]}

    arrays = (np.asarray(image) if takes_pixels else prepare(image).numpy() for image in images)
    whole = onnx.load(path)
    metadata = {entry.key: entry.value for entry in whole.metadata_props}
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".int8_") as folder:
        quantised = Path(folder) / "quantised.onnx"
        level = logging.getLogger().level
        logging.getLogger().setLevel(logging.ERROR)  # it advises a step that only networks without shapes need
        try:
            quantize_static(
                whole, quantised, Reader(arrays), QuantFormat.QDQ, per_channel=True, weight_type=QuantType.QInt8,
                activation_type=QuantType.QUInt8, nodes_to_quantize=_constant_products(whole.graph),
            )  # fmt: skip
        finally:
            logging.getLogger().setLevel(level)
        model = onnx.load(quantised)
        onnx.helper.set_model_props(model, metadata)
        onnx.save(model, path)


def _constant_products(graph) -> list[str]:
    constant = {tensor.name for tensor in graph.initializer}
    return [node.name for node in graph.node if node.op_type in _PRODUCTS and node.input[1] in constant]
