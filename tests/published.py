"""Writes checkpoints as the published implementations do: pickles that hold classes of the script that wrote them."""

import json
import sys
from pathlib import Path

import numpy as np
import torch

from tests.golden_values import FOLDER

BODY = "ir_back.body"  # all of it is used, and a short POSTER lacks some


def published_state(own: dict[str, torch.Tensor], classes: int = 7) -> dict[str, torch.Tensor]:
    """`own` under DataParallel's names, with the keys that the published network stores and never runs."""
    keys = json.loads((FOLDER / "poster_v2.keys.json").read_text())["keys"]
    state = {}
    for key, shape, _ in keys:
        if key in own or not key.startswith(BODY):
            state["module." + key] = own[key].clone() if key in own else torch.zeros(()).expand(shape)
    assert own["VIT.head.linear.weight"].shape[0] == classes
    return state


def write_published(path: Path, own: dict[str, torch.Tensor], epoch: int = 3, classes: int = 7) -> Path:
    """A file with epoch, state_dict, best_acc, optimizer (SAM's own state), recorder and recorder1."""

    class RecorderMeter:
        def __init__(self):
            self.total_epoch, self.current_epoch = 200, epoch
            self.epoch_losses = np.zeros((200, 2), dtype=np.float32)
            self.epoch_accuracy = np.zeros((200, 2), dtype=np.float32)
            for k in range(epoch):
                self.epoch_losses[k] = 30 * (1.5 - 0.25 * k), 30 * (1.75 - 0.25 * k)
                self.epoch_accuracy[k] = 50 + k, 40 + k

    class RecorderMeter1:
        def __init__(self):
            self.y_true, self.y_pred = np.arange(5), np.float64(0.5)

    main = sys.modules["__main__"]
    for cls in (RecorderMeter, RecorderMeter1):
        cls.__module__, cls.__qualname__ = "__main__", cls.__name__
        setattr(main, cls.__name__, cls)
    try:
        torch.save(
            {
                "epoch": epoch,
                "state_dict": published_state(own, classes),
                "best_acc": torch.tensor(42.0),
                "optimizer": {"state": {0: {"old_p": torch.zeros(3)}}, "param_groups": [{"lr": 3.3e-5, "params": [0]}]},
                "recorder1": RecorderMeter1(),
                "recorder": RecorderMeter(),
            },
            path,
        )
    finally:
        del main.RecorderMeter, main.RecorderMeter1
    return path


def write_published_v1(path: Path, own: dict[str, torch.Tensor], manifest: str, epoch: int = 3) -> Path:
    """A file as V1 and its AdaFace form write it: iter, model_state_dict, optimizer_state_dict; keys under `module.`.

    own: the network's weights; what else the published one stores, by the manifest of that name, is added.
    """
    keys = json.loads((FOLDER / f"{manifest}.keys.json").read_text())["keys"]
    state = {"module." + key: value.clone() for key, value in own.items()}
    for key, shape, _ in keys:
        if key not in own and not key.startswith(("head.", BODY)):
            state["module." + key] = torch.zeros(()).expand(shape)
    if "head.kernel" in own:
        state["module.head.t"] = torch.zeros(1)
    sam = {"state": {0: {"old_p": torch.zeros(3)}}, "param_groups": [{"lr": 4e-5, "params": [0]}]}
    torch.save({"iter": epoch, "model_state_dict": state, "optimizer_state_dict": sam}, path)
    return path
