"""Networks that a user might add: a file of plain PyTorch each, registered by one line, taken out again after a test."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from data_preprocessing.loading.input_image import GREY48, InputImage
from models import MODELS, Architecture

# its layers are called as parts of the contract are, which must not be taken for them
TOY = """
from torch import nn


class Toy(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        conv = lambda inputs, outputs: (nn.Conv2d(inputs, outputs, 3, 2, 1), nn.BatchNorm2d(outputs), nn.ReLU())
        self.trunk = nn.Sequential(*conv({channels}, 8), *conv(8, 16), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.1))
        self.classifier = nn.Linear(16, num_classes)

    def forward(self, x):
        return self.classifier(self.trunk(x))
"""
RGB96 = InputImage(96)
LINES = {  # by name, what a user would write into models.MODELS
    "toy": Architecture("toy", "Toy", image=RGB96),
    "toy_grey": Architecture("toy_grey", "Toy", image=GREY48),
}


@contextmanager
def registered(folder: Path) -> Iterator[None]:
    """Inside, MODELS holds the networks of LINES, whose files are written to `folder`."""
    for name, architecture in LINES.items():
        text = TOY.replace("{channels}", str(len(architecture.image.mode)))
        (folder / f"{name}.py").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        for name, architecture in LINES.items():
            patch.setitem(MODELS, name, architecture)
        yield
