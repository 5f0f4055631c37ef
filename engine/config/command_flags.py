"""Flags about commands and their runs: see engine.config.flags, which puts all together. No torch."""

from dataclasses import dataclass

from engine.config.flag import COMMAND, LARGEST_INT, MACHINE, flag, with_default
from engine.config.recipes import FINDERS


@dataclass
class CommandFlags:
    """What is done, with which files, and on which machine."""

    config: str | None = flag(
        "--config",
        "run",
        "read flags from this JSON or YAML file, args.json of a run among them; the command line goes first",
        metavar="FILE",
        path=True,
        lifetime=COMMAND,
    )
    resume: str | None = flag(
        "--resume",
        "run",
        "checkpoint to continue; flags that are not given come from it; auto: the newest of --run NAME, or start it",
        metavar="FILE|auto",
        path=True,
        lifetime=COMMAND,
    )
    evaluate: str | None = flag(
        "-e --evaluate",
        "run",
        "checkpoint to test; nothing is trained; published:rafdb is a file of python -m models.fetch",
        metavar="FILE",
        path=True,
        lifetime=COMMAND,
    )
    predict: list[str] | None = flag(  # noqa: RUF009, its default is None
        "--predict",
        "run",
        "with --evaluate FILE: predict the class of each image in these files, folders, globs: aligned face crops, no labels",
        metavar="PATH",
        path=True,
        many=True,
        lifetime=COMMAND,
    )
    out: str | None = flag(
        "--out",
        "run",
        "with --evaluate: new or empty folder for the results (default: log/<run>)",
        metavar="DIR",
        path=True,
        lifetime=COMMAND,
    )
    draw: bool | None = flag(
        "--draw",
        "run",
        "with --predict: one PNG per image, with a bar per class and where the network looks; with --faces photographs, videos "
        "and crops with what is predicted",
        lifetime=COMMAND,
    )
    faces: bool | None = flag(
        "--faces",
        "run",
        "with --predict: find the faces in photographs and videos, and predict each (requirements-faces.txt)",
        lifetime=COMMAND,
    )
    align: str | None = flag(
        "--align",
        "run",
        "with --faces: how a face is cropped (default: as the checkpoint's training images, where it tells; else points)",
        choices=("points", "box"),
        lifetime=COMMAND,
    )
    finder: str | None = flag(
        "--finder",
        "run",
        f"with --faces: what finds them (default: {FINDERS[0]})",
        choices=FINDERS,
        lifetime=COMMAND,
    )
    finder_model: str | None = flag(
        "--finder-model",
        "run",
        "with --faces: an ONNX file of the finder's network in place of its package's",
        metavar="FILE",
        path=True,
        lifetime=COMMAND,
    )
    every: int | None = flag(
        "--every",
        "run",
        "with --faces: look at every Nth frame of a video (default: 1)",
        metavar="N",
        least=1,
        most=LARGEST_INT,
        lifetime=COMMAND,
    )
    smooth: float | None = flag(
        "--smooth",
        "run",
        "with --faces: seconds of a video that a face's probabilities are averaged over (default: 0.5)",
        metavar="X",
        least=0,
        most=60,
        lifetime=COMMAND,
    )
    explain: bool | None = flag(
        "--explain", "run", "with --evaluate: draw where the network looks, on two images per class", lifetime=COMMAND
    )
    deletion: bool | None = flag(
        "--deletion", "run", "with --explain: test as well whether that matters, by blanking it (minutes)", lifetime=COMMAND
    )
    margin_at_eval: bool | None = flag(
        "--margin-at-eval",
        "run",
        "repeat the published evaluation, which gives the labels to the head",
        lifetime=COMMAND,
        configures=True,
    )
    run: str | None = flag("--run", "run", "name of the run's folders (default: the time)", metavar="NAME", lifetime=COMMAND)
    checkpoint_path: str | None = flag(
        "--checkpoint_path", "run", "(default: checkpoint/<run>/last.pth)", metavar="FILE", path=True, lifetime=COMMAND
    )
    best_checkpoint_path: str | None = flag(
        "--best_checkpoint_path", "run", "(default: checkpoint/<run>/best.pth)", metavar="FILE", path=True, lifetime=COMMAND
    )
    save_every: str = with_default(
        "--save-every",
        "run",
        "steps or minutes between two checkpoints within an epoch",
        "15m",
        metavar="N|Nm",
        lifetime=MACHINE,
    )
    on_nan: str = with_default(
        "--on-nan", "run", "a step whose loss or gradient is not finite", "stop", choices=("stop", "skip")
    )
    stall_seconds: float = with_default(
        "--stall-seconds", "run", "report what a batch waits for after X s", 300.0, metavar="X", above=0, lifetime=MACHINE
    )
    seed: int = with_default("--seed", "run", "of every random draw", 0, metavar="N", least=0, most=2**63 - 1, configures=False)
    seeds: str | None = flag(
        "--seeds",
        "run",
        "train one run per seed, NAME_seed<N>, and report mean, deviation and 95 %% interval",
        metavar="N,N,N",
        lifetime=COMMAND,
    )
    print_freq: int = with_default(
        "-p --print-freq", "run", "steps between two reports", 10, metavar="N", least=1, most=LARGEST_INT, lifetime=MACHINE
    )
    tensorboard: bool | None = flag(
        "--tensorboard", "run", "write log/<run>/tensorboard/ too, where that package is installed", lifetime=COMMAND
    )
    device: str = with_default("--device", "run", "", "auto", choices=("auto", "cpu", "cuda", "mps"), lifetime=MACHINE)
    precision: str = with_default(
        "--precision", "run", "auto: bf16 where the hardware has it", "fp32", choices=("auto", "fp32", "bf16", "fp16")
    )
    tf32: str = with_default(
        "--tf32",
        "run",
        "auto: float32 products on a GPU in TF32, where it has it; off: in full",
        "auto",
        choices=("auto", "off"),
        configures=False,
    )
    deterministic: str = with_default(
        "--deterministic",
        "run",
        "equal runs give equal bits; auto: as far as the GPU has kernels; on: or not at all; off: faster",
        "auto",
        choices=("auto", "on", "off"),
        configures=False,
    )
    compile: bool = flag("--compile", "run", "compile the network by torch.compile (default: not)", False)
    gpu: str | None = flag(
        "--gpu", "run", "number of the CUDA GPU; several: one process each (default: 0)", metavar="N|N,N", lifetime=COMMAND
    )
    sync_bn: bool = flag(
        "--sync-bn", "run", "with several processes: BatchNorm over the whole batch (default: each its part)", False
    )
