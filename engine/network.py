"""Choosing the device and building the network of a run, with pretrained backbones or a checkpoint's weights."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from engine import devices, memory
from engine.checkpoints.format import Checkpoint
from engine.config.flags import Settings
from engine.config.settings import gpu_numbers
from engine.distributed import SINGLE, Group
from engine.errors import UsageError
from models import MODELS, contract, create_model
from models.errors import WeightsError
from models.files.weights import load_exact

BGR = "channel order: BGR, as the published POSTER V1 reads RAF-DB (--channel-order rgb for RGB)"


def choose_device(settings: Settings, flags: dict, say: Callable[[str], None], group: Group = SINGLE) -> torch.device:
    """The device to compute on; says so where it is not the one that the settings of a checkpoint or the defaults want.

    flags: the command line's, only those given; of several GPUs each process of `group` has its own. Raises UsageError for
    an unknown GPU, and where the device that --device names is not there.
    """
    gpus = gpu_numbers(settings.gpu)
    name = "cuda" if gpus and "device" not in flags else settings.device  # --gpu is newer than a checkpoint's device
    gpu = group.local_rank if group.size > 1 else gpus[0] if gpus else None
    problem = devices.why_no_cuda()
    if name in ("auto", "cuda") and not problem and (gpu or 0) >= torch.cuda.device_count():
        there = f"this machine has {torch.cuda.device_count()}"
        if group.size > 1:
            raise UsageError(f"--nproc_per_node: process {gpu} has no GPU, {there}")
        raise UsageError(f"--gpu {gpu}: unknown GPU, {there}; leave --gpu out to use what there is")
    if gpus and group.size == 1 and problem:
        raise UsageError(f"--gpu {gpu}: unknown GPU, {problem}; leave --gpu out to use what there is")
    if name in ("auto", "cuda") and not problem:
        device = torch.device("cuda", gpu or 0)
        problem = devices.why_too_old(device)
        if not problem:
            return device
        if gpus or "device" in flags:
            raise UsageError(f"{f'--gpu {gpu}' if gpus else f'--device {name}'}: {problem}")
    if name == "mps" and torch.backends.mps.is_available():
        return torch.device("mps")
    if name == "mps":
        problem = "no MPS device"
    if "device" in flags and name not in ("auto", "cpu"):
        kind = name.upper()
        why = f" ({problem})" if problem not in ("no MPS device", "no CUDA GPU is available") else ""
        raise UsageError(f"--device {name}: PyTorch {torch.__version__} finds no {kind} device{why}; use --device cpu or auto")
    if name != "cpu":
        say(f"{problem}: using the CPU ({torch.get_num_threads()} threads)")
    return torch.device("cpu")


def model_options(settings: Settings) -> dict:
    """The arguments of `create_model` that the settings hold for their network."""
    return {name: getattr(settings, name) for name in MODELS[settings.model].options}


def model_title(settings: Settings) -> str:
    """The network and its head as a figure's title names them."""
    head = "" if settings.head == "linear" else f" ({settings.head})"
    labels = ", labels in the head" if settings.margin_at_eval else ""
    covered = ", faces covered" if settings.occlude_eval == "vr" else ""
    return settings.model + head + labels + covered


def build_model(name: str, num_classes: int, options: dict, device: torch.device) -> nn.Module:
    """A new network with random weights on `device`, in channels-last memory, the faster order for its convolutions."""
    return create_model(name, num_classes, **options).to(device, memory_format=torch.channels_last)


def start_from_scratch(model: nn.Module, init: str) -> None:
    """Change the random start as --init says: reference leaves it, others are the network's own."""
    if init != "reference":
        model.start(init)


def freeze_features(model: nn.Module) -> str:
    """Keep all that comes before the network's trunk as it is (--freeze features); returns a line that counts it.

    Its layers are to stay as in evaluation meanwhile (`feature_layers`), so that BatchNorms do not move either.
    """
    trunk = contract.trunk(model)
    frozen = [parameter for name, parameter in model.named_parameters() if not name.startswith(trunk)]
    for parameter in frozen:
        parameter.requires_grad_(False)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return f"frozen: {sum(p.numel() for p in frozen):,} parameters of the backbones; {trained:,} are trained"


def feature_layers(model: nn.Module) -> list[nn.Module]:
    """The layers before the network's trunk, without those that hold a part of it."""
    trunk = contract.trunk(model)
    return [
        layer
        for name, layer in model.named_modules()
        if name and not f"{name}.".startswith(trunk) and not any(prefix.startswith(f"{name}.") for prefix in trunk)
    ]


def load_weights(model: nn.Module, checkpoint: Checkpoint, flag: str, say: Callable[[str], None]) -> None:
    """Load a checkpoint's weights exactly. Raises UsageError naming file and keys where they do not fit."""
    try:
        dead = MODELS[checkpoint.model].dead_keys if checkpoint.is_foreign else None
        report = load_exact(model, checkpoint.state_dict, dead)
    except WeightsError as error:
        raise UsageError(f"{flag} {checkpoint.path}: does not fit {checkpoint.model}: {error}") from None
    dropped = f"; {len(report.dropped)} dropped that the published network stores and never runs" if report.dropped else ""
    say(f"{checkpoint.path}: {report.loaded} tensors loaded{dropped}{checkpoint.told}")


def tested_network(
    checkpoint: Checkpoint, settings: Settings, device: torch.device, explanation: str, say: Callable[[str], None]
) -> nn.Module:
    """The network of `--evaluate FILE` with its weights; says what was loaded, `explanation` and the channel order.

    Raises UsageError naming file and keys where they do not fit, or a flag that draws what the network does not have.
    """
    with memory.explained(device, settings.batch_size, settings.workers):
        model = build_model(checkpoint.model, checkpoint.num_outputs, model_options(settings), device)
        load_weights(model, checkpoint, "--evaluate", say)
        flag = "--explain" if settings.explain else "--draw" if settings.draw and not settings.faces else ""
        if flag:
            from engine.explain.grad_cam import require_maps  # only here: without the flags nothing of it is needed

            shape = (1, *MODELS[checkpoint.model].image.shape)
            require_maps(model, torch.zeros(shape, device=device), checkpoint.model, flag)
    say(explanation)
    if settings.channel_order == "bgr":
        say(BGR)
    return model


def load_backbones(model: nn.Module, folder: str, say: Callable[[str], None], named: bool = False) -> None:
    """Load the pretrained backbones from `folder` ("none": start at random, without a word) where the network has any.

    named: whether the user gave the folder. Then UsageError is raised where it holds neither file.
    """
    if folder == "none" or not contract.declared(model, "load_pretrained"):
        return
    reports, missing = model.load_pretrained(Path(folder))
    if named and not Path(folder).is_dir():
        raise UsageError(f"--pretrained {folder}: no such folder; give one that holds {' and '.join(missing)}, or none")
    if named and not reports:
        raise UsageError(f"--pretrained {folder}: holds neither {' nor '.join(missing)}; give another folder, or none")
    for name, report in reports.items():
        dropped = sorted({".".join(key.split(".")[: 2 if key.startswith("body.") else 1]) for key in report.dropped})
        tail = f"; not needed and dropped: {', '.join(dropped)} ({len(report.dropped)} tensors)" if dropped else ""
        say(f"{Path(folder) / name}: {report.loaded} tensors matched{tail}{report.told}")
    if missing:
        say(
            f"warning: {' and '.join(missing)} not found in {folder}: training starts from random weights there, which "
            f"costs much accuracy{contract.pretrained_hint(model)}; --pretrained none silences this"
        )
