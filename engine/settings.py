"""From flags to the settings of a run: what the command line leaves open, and what is no sensible value. No torch."""

import math
from types import SimpleNamespace

from engine.errors import UsageError
from engine.protocols import DEFAULTS, PROTOCOLS, SYNTHETIC

_MINIMUM = {"epochs": 1, "batch_size": 1, "workers": 0, "start_epoch": 0, "seed": 0, "print_freq": 1, "gpu": 0}
# None unless given, and never taken from a resumed checkpoint
_OF_ONE_COMMAND = ("start_epoch", "gpu", "run", "checkpoint_path", "best_checkpoint_path", "resume", "evaluate", "split")
_FLAGS = {
    "batch_size": "--batch-size",
    "weight_decay": "--wd",
    "start_epoch": "--start-epoch",
    "print_freq": "--print-freq",
    "feature_lr_scale": "--feature-lr-scale",
}


def check_flags(flags: dict) -> None:
    """Raises UsageError for a value out of range or a pair of flags that exclude each other. flags: those given."""
    for name, least in _MINIMUM.items():
        if name in flags and flags[name] < least:
            raise UsageError(f"{_FLAGS.get(name, '--' + name)} {flags[name]}: must be at least {least}")
    for name in ("lr", "rho", "weight_decay", "momentum", "feature_lr_scale"):
        value = flags.get(name, 0)
        if not (math.isfinite(value) and (value > 0 if name == "lr" and name in flags else value >= 0)):
            bound = "above 0" if name == "lr" else "at least 0"
            raise UsageError(f"{_FLAGS.get(name, '--' + name)} {value}: must be a finite number {bound}")
    if flags.get("momentum", 0) >= 1:
        raise UsageError(f"--momentum {flags['momentum']}: must be below 1")
    if "resume" in flags and "evaluate" in flags:
        raise UsageError("--resume and --evaluate exclude each other: continue a run, or test it")
    if "split" in flags and "evaluate" not in flags:
        raise UsageError("--split chooses what --evaluate FILE tests; training reports on test/ where there is one")
    run = flags.get("run", "x")
    if not run or "/" in run or "\\" in run or run.startswith("."):
        raise UsageError(f"--run {run!r}: must be a plain folder name")


def resolve(flags: dict, stored: dict) -> SimpleNamespace:
    """All settings. A flag that was given wins over a resumed run's setting, that over the protocol, that over DEFAULTS.

    flags: given on the command line. stored: the arguments of the checkpoint that is resumed, {} for a new run.
    Without data the built-in synthetic faces are used, under a protocol of their own.
    """
    data = flags.get("data", stored.get("data"))
    fallback = "RAF-DB" if data else SYNTHETIC
    data_type = flags.get("data_type", stored.get("data_type", fallback))
    protocol = PROTOCOLS[data_type]
    settings = {"data": data, "data_type": data_type, "augmentation": True, **DEFAULTS}
    settings |= {name: getattr(protocol, name) for name in ("lr", "batch_size", "epochs")}
    settings |= dict(protocol.overrides)
    settings |= {name: value for name, value in stored.items() if name in settings}
    return SimpleNamespace(**(settings | dict.fromkeys(_OF_ONE_COMMAND) | flags))
