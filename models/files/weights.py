"""Weight files of the published implementations: which keys they hold that we do not, and how they load exactly.

Nothing here decides anything silently: every tensor of a file is either loaded, or named as dropped, or an error.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from models.errors import WeightsError
from models.files.safe_load import read_untrusted
from models.files.stand_ins import stand_ins
from models.files.wording import readable, some
from models.files.wrappers import Weights, find_weights, unwrapped

IR50_FILE = "ir50.pth"
MOBILEFACENET_FILE = "mobilefacenet_model_best.pth.tar"
FETCH = "python -m models.fetch ir50 mobilefacenet downloads the published files"
_IR50_STAGES = (("body1", 0, 3), ("body2", 3, 7), ("body3", 7, 21))  # V2's stage holds blocks first .. last - 1 of `body`
_UNUSED = {IR50_FILE: None, MOBILEFACENET_FILE: re.compile(r"output_layer\..+")}  # beside what ir50_keys drops
_IR50_UNUSED = re.compile(r"body\.(21|22|23)\..+|body4\..+|output_layer\..+")


@dataclass(frozen=True)
class LoadReport:
    """What a file gave: tensors loaded, and the keys that were dropped because nothing ever runs them.

    told: how they were stored, as the end of a line.
    """

    loaded: int
    dropped: tuple[str, ...]
    told: str = ""


def require_finite(tensors: dict[str, Tensor]) -> None:
    """Raises WeightsError, naming the first key and counts, where a floating-point tensor holds a NaN or an infinity."""
    bad = {key: count for key, value in tensors.items() if (count := _not_finite(value))}
    if bad:
        key, count = next(iter(bad.items()))
        raise WeightsError(
            f"not finite: {len(bad)} of its {len(tensors)} tensors hold NaN or infinity, first {readable(key)} ({count} of "
            f"{tensors[key].numel()} values); use an earlier checkpoint"
        )


def _not_finite(tensor: Tensor) -> int:
    finite = tensor.isfinite()
    return 0 if finite.all() else int((~finite).sum())


def load_exact(module: nn.Module, state: dict[str, Tensor], dead: re.Pattern | None = None) -> LoadReport:
    """Load `state` into `module`: its keys all present with their shapes, those matching `dead` dropped, no others.

    Raises WeightsError naming missing, unexpected or mis-shaped keys; the module is then unchanged.
    """
    weights, own = unwrapped(state), module.state_dict()
    if own.keys() <= state.keys():  # a network may itself hold all in a `model` or `net`, which is then no wrapper
        weights = Weights(state)
    state = weights.tensors
    dropped = tuple(k for k in state if k not in own and dead and dead.fullmatch(k))
    problems = [("missing", [k for k in own if k not in state])]
    problems += [("unexpected", [*weights.left_out, *(k for k in state if k not in own and k not in dropped)])]
    wrong = [
        f"{k} {tuple(state[k].shape)} instead of {tuple(own[k].shape)}"
        for k in own
        if k in state and state[k].shape != own[k].shape
    ]
    problems += [("mis-shaped", wrong)]
    text = "; ".join(f"{len(keys)} {what}: {some(keys)}" for what, keys in problems if keys)
    if text:
        raise WeightsError(text)
    for key, value in own.items():
        # index tables are constants of the architecture, and values out of range would read foreign memory
        if key.endswith("_index") and not torch.equal(value.cpu(), state[key].cpu()):
            raise WeightsError(f"{key} is not the architecture's table")
    module.load_state_dict({k: state[k] for k in own})
    return LoadReport(len(own), dropped)


def ir50_keys(state: dict[str, Tensor], single_body: bool = False) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Any published naming of IR-50 -> one naming, and the keys of its fourth stage and output layer, which are dropped.

    single_body: name the blocks `body.0` to `body.20` as POSTER V1 does, otherwise by V2's three stages.
    """
    kept, dropped = {}, []
    for key, value in state.items():
        if _IR50_UNUSED.fullmatch(key):
            dropped.append(key)
        else:
            kept[_ir50_key(key, single_body)] = value
    return kept, tuple(dropped)


def _ir50_key(key: str, single_body: bool) -> str:
    match = re.fullmatch(r"(body[123]?)\.(\d+)\.(.+)", key)
    if not match:
        return key
    name, block, rest = match[1], int(match[2]), match[3]
    if name != "body":
        block += next(first for stage, first, _ in _IR50_STAGES if stage == name)
    if single_body:
        return f"body.{block}.{rest}"
    return next((f"{stage}.{block - first}.{rest}" for stage, first, end in _IR50_STAGES if first <= block < end), key)


def load_pretrained(model: nn.Module, folder: Path) -> tuple[dict[str, LoadReport], tuple[str, ...]]:
    """Load the backbones' published files from `folder` into a POSTER (`ir_back`, `face_landback`).

    Returns a report per file found, and the names of the files not found. Raises WeightsError naming file and keys
    where a found file lacks a tensor or has one of another shape.
    """
    reports, missing = {}, []
    for name, module in ((IR50_FILE, model.ir_back), (MOBILEFACENET_FILE, model.face_landback)):
        path = Path(folder) / name
        if path.is_file():
            reports[name] = load_backbone(module, path, name)
        else:
            missing.append(name)
    return reports, tuple(missing)


def load_backbone(module: nn.Module, path: Path, name: str) -> LoadReport:
    """Load the file at `path` into a backbone. name: IR50_FILE or MOBILEFACENET_FILE, which of the two it is.

    Raises WeightsError naming file and keys where it lacks a tensor or has one of another shape.
    """
    unused = _UNUSED[name]
    try:
        weights = find_weights(_read(path))
        state, dropped = weights.tensors, ()
        if name == IR50_FILE:
            state, dropped = ir50_keys(state, single_body=hasattr(module, "body"))
        require_finite({key: value for key, value in state.items() if not (unused and unused.fullmatch(key))})
        report = load_exact(module, state, unused)
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from None
    return LoadReport(report.loaded, report.dropped + dropped, weights.told)


def _read(path: Path) -> object:
    try:
        return read_untrusted(path, stand_ins())
    except WeightsError as error:
        raise WeightsError(f"{error}; {FETCH}") from None
