"""What ran, as rows of names and values, and what the run warned of."""

import contextlib
import shlex
from pathlib import Path

from engine.evaluation.leaks import Copies
from models import MODELS

_MARKS = ("warning: ", "unreadable images dropped: ")
_MOST_WARNINGS = 30
_TRAINING = (
    "optimizer",
    "lr",
    "lr_decay",
    "batch_size",
    "epochs",
    "loss",
    "rho",
    "weight_decay",
    "transform",
    "sampler",
    "init",
)

_NO_LEAKAGE = (
    "no leakage on record: either audit.json beside the data reports none, or there is no audit "
    "(python -m data_preprocessing.audit DIR makes one)"
)


class LogWarnings:
    """The warnings in log.txt, each once; reads on where it stopped."""

    def __init__(self, path: Path):
        self._path, self._position, self._found = path, 0, {}

    def read(self) -> list[str]:
        """All so far."""
        with contextlib.suppress(OSError), open(self._path, "rb") as file:
            file.seek(self._position)
            for line in file:
                said = line.decode("utf-8", "replace").rstrip("\n")[21:]  # without the time
                if any(mark in said for mark in _MARKS) and len(self._found) < _MOST_WARNINGS:
                    self._found[said.removeprefix("warning: ")] = True
            self._position = file.tell()
        return list(self._found)


def notes(record: dict) -> list[str]:
    """What the settings that ran mean for the figures. record: args.json."""
    arguments, found = record.get("arguments", {}), []
    architecture = MODELS.get(arguments.get("model"))
    if arguments.get("pretrained") == "none" and architecture and architecture.pretrained_files and not record.get("tests"):
        found.append("the backbones started from random weights (--pretrained none), which costs much accuracy")
    if arguments.get("occlude_eval") == "vr":
        found.append("evaluated under drawn headsets (--occlude-eval vr); the faces below are shown without them")
    return found


def what_ran(record: dict, result: dict | None) -> list[tuple[str, str]]:
    """Names and values, most telling first; record: args.json; result: with the facts about the weights, None before."""
    arguments = record.get("arguments", {})
    rows = [
        ("command", shlex.join(map(str, record.get("command", [])))),
        ("started", record.get("started")),
        ("earlier commands", "; ".join(_earlier(one) for one in record.get("earlier", [])[-5:])),
        ("continues", _weights(record.get("continues") or {}, "file")),
        ("tests", _weights(record.get("tests") or {}, "checkpoint")),
        ("reported weights", "" if record.get("tests") else _weights(result or {}, "checkpoint")),
        ("data", arguments.get("data") or "drawn faces (no --data)"),
        ("protocol", f"{arguments.get('data_type')} (--data_type)"),
        ("network", f"{arguments.get('model')}, {len(record.get('classes', []))} classes"),
        ("head", arguments.get("head")),
        ("training", ", ".join(f"{name} {arguments[name]}" for name in _TRAINING if arguments.get(name) is not None)),
        ("seed", arguments.get("seed")),
        ("device", _device(record)),
        ("precision", arguments.get("precision")),
        ("versions", ", ".join(f"{name} {number}" for name, number in record.get("versions", {}).items())),
        ("program", _program(record.get("git"))),
        *((f"images of {name}", f"SHA-256 {digest}") for name, digest in record.get("fingerprints", {}).items()),
        ("copies", _copies(record)),
        ("audit", record.get("audit") or _NO_LEAKAGE),
    ]
    return [(name, str(value)) for name, value in rows if value not in (None, "")]


def _earlier(one: dict) -> str:
    return f"{one.get('started')}: {shlex.join(map(str, one.get('command') or []))}"


def _copies(record: dict) -> str | None:
    """Images that splits share, as engine.evaluation.leaks found them; None for records that do not say."""
    found = record.get("copies")
    if found is None:
        return None
    whose = " of the checkpoint's run" if record.get("tests") else ""
    return "; ".join(Copies(**one).said(whose) for one in found) or f"no image is also in another split{whose} (SHA-256)"


def _weights(facts: dict, key: str) -> str:
    if key not in facts:
        return ""
    step = f" and {facts['step']} steps of the next" if facts.get("step") else ""
    return f"{facts[key]}, after epoch {facts.get('epoch')}{step}, SHA-256 {facts.get('sha256')}"


def _device(record: dict) -> str:
    machine = record.get("machine", {})
    chip = machine.get("gpu") or f"{machine.get('cpu')}, {machine.get('threads')} of {machine.get('cores')} cores"
    cuda = f", CUDA {machine['cuda']}" if machine.get("cuda") else ""
    return f"{record.get('device')} ({chip}{cuda}), {machine.get('platform')}"


def _program(git: dict | None) -> str:
    if not git:
        return "no Git checkout"
    return f"commit {git.get('commit')}" + ("" if git.get("clean") else ", with changes that are not in it")
