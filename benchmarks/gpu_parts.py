"""The parts of `benchmarks.gpu`: each is a function of a `Work` that returns what it found, a dict for JSON."""

import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks import measure, speed
from engine.arithmetic import choose_arithmetic, full_float32, has_tf32, set_tf32
from engine.config.settings import resolve
from engine.network import build_model
from engine.precision import PRECISIONS, autocast
from engine.seed import seed_everything
from engine.training.compiled import Compiled
from engine.training.losses import LOSSES
from engine.training.optimizers import create_optimizer, parameter_groups
from engine.training.step import train_step
from models import MODELS

MAIN = Path(__file__).parents[1] / "main.py"


@dataclass(frozen=True)
class Work:
    """device: to measure. quick: with Deep-Emotion and few images, to see that everything runs. data: of photographs, or None.

    folder: for what the runs write.
    """

    device: torch.device
    quick: bool
    folder: Path
    data: str | None = None

    @property
    def model(self) -> str:
        return "deep_emotion" if self.quick else "poster_v2"

    @property
    def batch(self) -> int:
        return 4 if self.quick else 144

    def arithmetics(self) -> dict[str, torch.dtype]:
        """Those that the device has, "tf32" among them."""
        names = [*measure.short_precisions(self.device), *(["fp16"] if self.device.type == "cuda" else [])]
        return {name: PRECISIONS[name] for name in names} | ({"tf32": torch.float32} if has_tf32(self.device) else {})


def batch(work: Work, size: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Random images as the pipeline gives them, the same on every device, and labels of 7 classes."""
    image, generator = MODELS[work.model].image, torch.Generator().manual_seed(1)
    channels, side, _ = image.shape
    images = torch.randn(size, channels, side // image.step, side // image.step, generator=generator)
    device = device or work.device
    return images.to(device, memory_format=torch.channels_last), (torch.arange(size) % 7).to(device)


def trained(work: Work, device: torch.device, steps: int, size: int, dtype=torch.float32, precision=torch.float32):
    """The network after SAM steps on `batch`, without dropping anything, and the losses."""
    seed_everything(0)
    model = build_model(work.model, 7, {}, device).to(dtype).train()
    for module in model.modules():  # their draws are another device's
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if hasattr(module, "rate"):
            module.rate = 0.0
    optimizer = create_optimizer(parameter_groups(model, 1.0), "sgd", 0.01, 0.9, 0.0, rho=0.05)
    images, labels = batch(work, size, device)
    losses = []
    for _ in range(steps):
        losses.append(train_step(model, optimizer, images.to(dtype), labels, LOSSES["ce"], precision).loss)
    return model, torch.stack(losses).double().cpu()


def furthest(first: nn.Module, second: nn.Module) -> float:
    """The largest difference of their parameters and statistics, as a share of the largest value of each tensor."""
    states = (first.state_dict(), second.state_dict())
    pairs = [(a.double().cpu(), states[1][key].double().cpu()) for key, a in states[0].items()]
    return max(float((a - b).abs().max() / b.abs().max().clamp(min=1e-12)) for a, b in pairs)


def golden(work: Work) -> dict:
    """Logits and loss of the reference's stored numbers, in float64 and float32."""
    from tests.golden_values import difference, filled_model, load, recipe

    found = {}
    for name in () if work.quick else ("poster_v2", "poster_v1_small"):
        stored = load(name)
        for dtype in (torch.float64, torch.float32):
            with full_float32(), torch.no_grad():
                model = filled_model(name, 7).to(work.device, dtype).eval()
                logits = model(recipe.images(2).to(work.device, dtype))
            found[f"{name} {dtype}".replace("torch.", "")] = difference(logits.cpu(), stored["logits"])
    return {"largest difference of the logits, as a share": found}


def trajectory(work: Work) -> dict:
    """SAM steps in float64 and float32 on the device against the CPU's in float64.

    Deep-Emotion's drift apart in float32 after the first: its warp starts at the identity, at a kink of the interpolation.
    """
    steps, size = (3, 4) if work.quick else (3, 8)
    expected, losses = trained(work, torch.device("cpu"), steps, size, torch.float64)
    found, first = {}, {}
    with full_float32():
        for dtype in (torch.float64, torch.float32):
            model, own = trained(work, work.device, steps, size, dtype)
            found[str(dtype)[6:]], first[str(dtype)[6:]] = furthest(model, expected), float((own - losses)[0].abs())
    return {"steps": steps, "first loss's difference": first, "largest difference of weights, as a share": found}


def repeatable(work: Work) -> dict:
    """Whether two equal trainings give equal bits, as --deterministic auto sets the device."""
    found = {}
    for name, precision in work.arithmetics().items():
        states = []
        for _ in range(2):
            model = build_model(work.model, 7, {}, work.device)
            settings = resolve({"model": work.model, "tf32": "auto" if name == "tf32" else "off"}, {})
            choose_arithmetic(settings, work.device, precision, model, lambda text: None)
            seed = trained(work, work.device, 5, min(work.batch, 32), precision=precision)[0].state_dict()
            states.append(seed)
        found[name] = all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    return {"equal bits": found}


def precisions(work: Work) -> dict:
    """Losses of a training in each arithmetic beside float32's, at the same weights and images."""
    steps, size = (4, 4) if work.quick else (30, 32)
    found = {}
    for name, precision in work.arithmetics().items():
        with arithmetic(name):
            losses = trained(work, work.device, steps, size, precision=precision)[1]
        found[name] = {"first": float(losses[0]), "last": float(losses[-1])}
    return {"steps": steps, "loss": found}


@contextlib.contextmanager
def arithmetic(name: str) -> Iterator[None]:
    """Inside, float32 products in TF32 for "tf32" and in full for others."""
    with full_float32():
        set_tf32(name == "tf32")
        yield


def sam_step(work: Work, precision: torch.dtype, compiled: bool = False):
    """A function that takes one SAM step on `work.batch` images."""
    seed_everything(0)
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.benchmark = True
    model = build_model(work.model, 7, {}, work.device).train()
    fused = work.device.type == "cuda"
    optimizer = create_optimizer(parameter_groups(model, 1.0), "adam", 3.5e-5, 0.0, 0.0, rho=0.05, fused=fused)
    images, labels = batch(work, work.batch)
    runner = Compiled(model) if compiled else model
    return lambda: train_step(runner, optimizer, images, labels, LOSSES["ce"], precision)


def timed(work: Work, function) -> float:
    """Median seconds of a call after two that warm up."""
    repeats = 1 if work.quick else 10
    return statistics.median([measure.seconds(function, work.device) for _ in range(repeats + 2)][2:])


def times(work: Work) -> dict:
    """Step, forward and single image in each arithmetic; operations per second beside the device's own product's."""
    found = {}
    for name, precision in work.arithmetics().items():
        with arithmetic(name):
            step = sam_step(work, precision)
            operations = speed.count_operations(step)
            row = {"SAM step, s": timed(work, step), "product, TFLOP/s": measure.product_rate(precision, work.device) / 1e12}
            if not work.quick:
                row["SAM step compiled, s"] = timed(work, sam_step(work, precision, compiled=True))
            row |= {
                title: timed(work, forward(work, precision, size))
                for title, size in (("forward, s", work.batch), ("single, s", 1))
            }
        row["images/s"] = work.batch / row["SAM step, s"]
        row["step, TFLOP/s"] = operations / row["SAM step, s"] / 1e12
        found[name] = row
    return found


def forward(work: Work, precision: torch.dtype, size: int):
    """A function that evaluates `size` images by the network's form for inference."""
    from models import optimize_for_inference

    model = optimize_for_inference(build_model(work.model, 7, {}, work.device), precision)
    images, _ = batch(work, size)
    return torch.inference_mode()(lambda: model(images))


def memory(work: Work) -> dict:
    """Peak of a SAM step, and by what an image more raises it."""
    found = {}
    for name, precision in work.arithmetics().items():
        peaks = []
        for size in (work.batch // 2, work.batch):
            if work.device.type == "cuda":
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats(work.device)
            part = Work(work.device, work.quick, work.folder)
            images, labels = (values[:size] for values in batch(part, work.batch))
            model = build_model(work.model, 7, {}, work.device).train()
            with arithmetic(name), autocast(work.device, precision):
                logits = model(images, labels)
            logits.float().sum().backward()
            peaks.append(measure.peak_bytes(work.device))
            del model, logits
        found[name] = {
            "peak, GiB": peaks[1] / 2**30,
            "image, MiB": (peaks[1] - peaks[0]) / (work.batch - work.batch // 2) / 2**20,
        }
    return found


def run_main(work: Work, *arguments: str, timeout: float = 600, stop_after: str = "") -> int:
    """The exit status of main.py on the device; stop_after: words of a line after which it gets SIGTERM."""
    device = ["--gpu", str(work.device.index or 0)] if work.device.type == "cuda" else ["--device", work.device.type]
    command = [sys.executable, str(MAIN), "--model", work.model, "-b", "8", "-p", "1", *device, *arguments]
    with open(work.folder / "main.log", "a", encoding="utf-8") as log:
        process = subprocess.Popen(command, cwd=work.folder, stdout=subprocess.PIPE, stderr=log, text=True)
        for line in process.stdout:
            log.write(line)
            if stop_after and stop_after in line:
                process.terminate()
        return process.wait(timeout)


def resume(work: Work) -> dict:
    """main.py killed within an epoch and gone on with, against one that was left alone: equal bits or not."""
    common = ["--pretrained", "none", "--epochs", "2", "--transform", "flip"]
    statuses = [
        run_main(work, *common, "--run", "whole"),
        run_main(work, *common, "--run", "cut", stop_after="epoch 2 step 2/"),
        run_main(work, *common, "--run", "cut", "--resume", "auto"),
    ]
    states = []
    for name in ("whole", "cut"):
        path = work.folder / f"checkpoint/{name}/last.pth"
        states.append(torch.load(path, weights_only=True, map_location="cpu")["state_dict"] if path.exists() else {})
    equal = bool(states[0]) and all(torch.equal(value, states[1].get(key)) for key, value in states[0].items())
    return {"statuses, 0 143 0 expected": statuses, "equal bits": equal}


def photographs(work: Work) -> dict:
    """main.py end to end on --data: train, evaluate."""
    if not work.data:
        return {"left out": "no --data"}
    data, start = ["--data", str(Path(work.data).resolve())], time.perf_counter()
    trained = run_main(work, *data, "--epochs", "2", "--run", "faces", "--precision", "auto", "-j", "auto")
    tested = run_main(work, *data, "--evaluate", "checkpoint/faces/best.pth", "--run", "faces_test")
    return {"statuses, 0 0 expected": [trained, tested], "seconds": time.perf_counter() - start}


PARTS = {  # in this order: what is right comes before what is fast
    part.__name__: part for part in (golden, trajectory, repeatable, resume, precisions, memory, times, photographs)
}
