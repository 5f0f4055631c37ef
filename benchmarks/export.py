"""What one image costs in each runtime, measured in turns in one run, as a table of ratios.

    python -m benchmarks.export [--model poster_v2] [--batch 1] [--repeats 20] [--ways eager onnxruntime ...]

Weights are random, which changes no time. eager: the network as it is trained; folded: `optimize_for_inference`; compiled: the
network by torch.compile; onnxruntime and openvino: the exported ONNX file; int8: that file with 8-bit products. A way whose
package is not installed is left out, and named.
"""

import argparse
import importlib.util
import os
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks import measure
from data_preprocessing.loading.transforms import create_transform
from models import MODELS, create_model, optimize_for_inference
from models.export import formats
from models.export.graph import Exported
from models.export.images import drawn_faces
from models.export.int8 import quantise

PACKAGES = {
    "eager": (),
    "folded": (),
    "compiled": (),
    "onnxruntime": formats.PACKAGES["onnx"],
    "int8": formats.PACKAGES["onnx"],
    "openvino": (*formats.PACKAGES["onnx"], "openvino"),
}


def prepare(way: str, name: str, images: np.ndarray, folder: Path) -> Callable[[], object]:
    """One call of the network `name` on `images` (B, C, H, W) by `way`; files are written into `folder`."""
    torch.manual_seed(0)
    model = create_model(name, 7).eval().requires_grad_(False)
    x = torch.from_numpy(images)
    folded = optimize_for_inference(model, torch.float32)
    network = {"eager": model, "folded": folded, "compiled": torch.compile(model) if way == "compiled" else None}.get(way)
    if network is not None:

        def run() -> object:
            with torch.inference_mode():
                return network(x)

        return run
    path = folder / f"{way}.onnx"
    formats.write_onnx(path, Exported(folded, None, softmax=False).eval(), x.repeat(2, 1, 1, 1)[:2], "logits", {})
    if way == "int8":
        transform = create_transform("plain", MODELS[name].image)
        quantise(path, drawn_faces(16), transform.forward, takes_pixels=False)
    if way == "openvino":
        import openvino

        compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_NUM_THREADS": torch.get_num_threads()})
        return lambda: compiled([images])
    run = formats.run_onnx(path)
    return lambda: run(images)


def main() -> None:
    """Print the machine and the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export", description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=MODELS, default="poster_v2", help="(default: %(default)s)")
    parser.add_argument("--batch", type=int, default=1, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=20, metavar="N", help="turns (default: %(default)s)")
    parser.add_argument("--ways", nargs="+", choices=PACKAGES, default=[*PACKAGES], help="(default: all)")
    args = parser.parse_args()
    if args.batch < 1 or args.repeats < 1:
        parser.error("--batch and --repeats must be at least 1")
    absent = {way for way in args.ways if any(importlib.util.find_spec(name) is None for name in PACKAGES[way])}
    for way in sorted(absent):
        print(f"{way} is left out: needs {', '.join(PACKAGES[way])}")
    device = torch.device("cpu")
    print(f"{args.model}, batch {args.batch}, {args.repeats} turns, torch {torch.__version__}, {measure.machine(device)}")
    print(f"load of the machine before the run: {os.getloadavg()[0]:.1f} processes\n")
    images = np.random.default_rng(0).normal(size=(args.batch, *MODELS[args.model].image.shape)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        ways = dict.fromkeys(["eager", *(way for way in args.ways if way not in absent)])
        times = measure.interleave({way: prepare(way, args.model, images, Path(folder)) for way in ways}, args.repeats, device)
    print_table(times)


def print_table(times: dict[str, list[float]]) -> None:
    """Median time of each way and how many times faster than eager it is, with the quartiles of the turns' ratios."""
    print("| | median | faster than eager by (quartiles) |\n|---|---|---|")
    for way, taken in times.items():
        low, ratio, high = np.percentile([eager / own for eager, own in zip(times["eager"], taken)], (25, 50, 75))
        print(f"| {way} | {1000 * statistics.median(taken):.1f} ms | {ratio:.2f} × ({low:.2f} to {high:.2f}) |", flush=True)


if __name__ == "__main__":
    main()
