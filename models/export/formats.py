"""The formats: how each is written, and how its own runtime runs what was written."""

import importlib.util
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from models import create_model
from models.export import safetensors
from models.export.errors import ExportError
from models.export.graph import Exported, open_sizes
from models.export.source import Source
from models.files.safe_load import read_untrusted
from models.files.weights import load_exact

Run = Callable[[np.ndarray], np.ndarray]
OPSET = 18
INPUT = "images"
PACKAGES = {"onnx": ("onnx", "onnxscript", "onnxruntime"), "pt2": (), "safetensors": ()}


def require_packages(format: str) -> None:
    """Raises ExportError where a package that the format needs is not installed."""
    missing = [name for name in PACKAGES[format] if importlib.util.find_spec(name) is None]
    if missing:
        raise ExportError(f"--format {format} needs {' and '.join(missing)}: python -m pip install -r requirements-extras.txt")


@torch.no_grad()
def write_onnx(path: Path, network: Exported, example: Tensor, output: str, metadata: dict[str, str]) -> None:
    """An ONNX file of one piece."""
    sizes = (open_sizes(network.pixels is not None),)
    with warnings.catch_warnings(action="ignore"):
        program = torch.onnx.export(
            network, (example,), dynamo=True, opset_version=OPSET, input_names=[INPUT], output_names=[output],
            dynamic_shapes=sizes, external_data=False, verbose=False,
        )  # fmt: skip
    program.model.metadata_props.clear()
    program.model.metadata_props.update(metadata)
    _forget_origins(program.model.graph)
    program.save(str(path), external_data=False)


def _forget_origins(graph) -> None:
    """Drop the stack traces that the exporter keeps: they name folders of this machine."""
    for item in (*graph, *graph.inputs, *graph.outputs, *graph.initializers.values()):
        item.metadata_props.clear()
        for value in getattr(item, "outputs", ()):
            value.metadata_props.clear()


def run_onnx(path: Path) -> Run:
    """The file in onnxruntime, on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {INPUT: images})[0]


@torch.no_grad()
def write_pt2(path: Path, network: Exported, example: Tensor, output: str, metadata: dict[str, str]) -> None:
    """A program of torch.export, with `metadata` as its extra file metadata.json."""
    sizes = {dim: torch.export.Dim.DYNAMIC for dim in open_sizes(network.pixels is not None)}
    program = torch.export.export(network, (example,), dynamic_shapes=(sizes,), strict=False)
    graphs = [module.graph for module in program.graph_module.modules() if isinstance(module, torch.fx.GraphModule)]
    for node in (node for graph in graphs for node in graph.nodes):
        node.meta.pop("stack_trace", None)  # it names folders of this machine
    with open(path, "wb") as file, warnings.catch_warnings(action="ignore"):
        torch.export.save(program, file, extra_files={"metadata.json": json.dumps(metadata, ensure_ascii=False)})


def run_pt2(path: Path) -> Run:
    """The program by torch.export.load, on the CPU."""
    with open(path, "rb") as file:
        program = torch.export.load(file).module()

    @torch.no_grad()
    def run(images: np.ndarray) -> np.ndarray:
        return program(torch.from_numpy(images)).numpy()

    return run


def write_weights(path: Path, model: nn.Module, half: bool, metadata: dict[str, str]) -> None:
    """The weights under the network's own names, as safetensors."""
    state = {key: value.detach().cpu() for key, value in model.state_dict().items()}
    if half:
        state = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
    safetensors.write(path, state, metadata)


def run_weights(path: Path, source: Source) -> Run:
    """The weights loaded into a new network, computed in float32."""
    tensors = read_untrusted(path)
    model = create_model(source.network.model, source.network.num_outputs, **source.network.model_options)
    load_exact(model, {key: value.float() if value.dtype == torch.float16 else value for key, value in tensors.items()})
    return run_model(model.eval())


def run_model(model: nn.Module) -> Run:
    """A network in evaluation mode, as the other runtimes are called."""

    @torch.no_grad()
    def run(images: np.ndarray) -> np.ndarray:
        return model(torch.from_numpy(images)).numpy()

    return run
