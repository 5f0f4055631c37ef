"""What the tests of the export share: a checkpoint, and the command."""

from pathlib import Path

import pytest
import torch

from models import create_model
from models.export import __main__ as command
from models.export import formats
from tests.fuzz.checkpoint_files import CLASSES, signed, trained_content


def save(path: Path, model: str = "deep_emotion", **changes) -> Path:
    torch.manual_seed(0)
    network = create_model(model, len(CLASSES), **changes.get("model_options", {}))
    content = trained_content() | {"model": model, "state_dict": network.state_dict(), "model_options": {}} | changes
    torch.save(signed(content), path)
    return path


def export(*arguments: object) -> int:
    return command.main([str(a) for a in arguments])


def skip_without(format: str) -> None:
    for name in formats.PACKAGES[format]:
        pytest.importorskip(name)
