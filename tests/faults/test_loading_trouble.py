"""Loaders that stall or die, and memory that runs out."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from data_preprocessing.loading.datasets import FaceDataset
from data_preprocessing.loading.input_image import GREY48
from data_preprocessing.loading.loaders import create_loader
from data_preprocessing.loading.transforms import create_transform
from data_preprocessing.sources.folders import Split
from engine import memory
from engine.errors import LoaderDied
from engine.training.stalls import batches
from tests.faults.trials import Shape, Trial


@dataclass(frozen=True)
class Trouble(Split):
    """Twelve grey images. Reading number 5 does `what`: waits until `told` exists, or ends the process."""

    what: str = ""
    told: Path | None = None

    def image(self, index: int) -> Image.Image:
        if index == 5 and self.what == "wait":
            end = time.monotonic() + 60
            while not self.told.exists() and time.monotonic() < end:
                time.sleep(0.01)
        if index == 5 and self.what == "end":
            os.kill(os.getpid(), signal.SIGKILL)
        return Image.new("RGB", (48, 48), (index, index, index))


def loader(workers: int, what: str = "", told: Path | None = None):
    names = tuple(f"{k}.png" for k in range(12))
    split = Trouble("train", Path("faces"), ("a", "b"), names, (0, 1) * 6, what, told)
    return create_loader(FaceDataset(split, create_transform("plain", GREY48, "rgb")), 3, workers, pin_memory=False)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_that_stalls_is_told_with_the_image_and_waited_for(tmp_path, workers):
    said = []

    def say(text: str) -> None:
        said.append(text)
        if "faces/5.png" in text:
            (tmp_path / "told").touch()

    seen = [indices.tolist() for *_, indices in batches(loader(workers, "wait", tmp_path / "told"), 0.2, say)]
    assert seen == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
    assert any(text.startswith("no batch for ") and "(--stall-seconds)" in text and "faces/5.png" in text for text in said)
    assert all("\n" not in text for text in said)


def test_a_loading_process_that_dies_ends_the_run_between_two_steps():
    iterator = batches(loader(2, "end"), 60, print)
    next(iterator)  # the first batch is another process's
    with pytest.raises(LoaderDied, match=r"a loading process ended .*lower --workers or --batch-size"):
        list(iterator)


def test_a_loading_process_that_died_between_two_epochs_is_noticed_too():
    idle = loader(1)
    assert len(list(batches(idle, 60, print))) == 4
    os.kill(idle._iterator._workers[0].pid, signal.SIGKILL)
    with pytest.raises(LoaderDied, match="a loading process ended"):
        list(batches(idle, 60, print))


class Breaking:
    """A loader whose second batch raises `error`."""

    num_workers = 2

    def __init__(self, error: Exception):
        self.error = error

    def __iter__(self):
        yield 0
        raise self.error


@pytest.mark.parametrize("error", [ConnectionResetError(104, "Connection reset by peer"), ConnectionRefusedError(), EOFError()])
def test_a_connection_that_breaks_is_a_loading_process_that_died(error):
    with pytest.raises(LoaderDied, match="a loading process ended"):
        list(batches(Breaking(error), 60, print))


@pytest.mark.parametrize("error", [ValueError("other"), OSError(5, "Input/output error"), MemoryError()])
def test_other_errors_stay_what_they_are(error):
    with pytest.raises(type(error)) as raised:
        list(batches(Breaking(error), 60, print))
    assert raised.value is error


def test_a_lack_of_memory_is_recognised():
    with pytest.raises(RuntimeError) as real:
        torch.empty(2**50)
    with pytest.raises(MemoryError) as numpys:
        np.empty(2**58)
    cublas = RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
    for error in (real.value, numpys.value, MemoryError(), torch.OutOfMemoryError("CUDA out of memory."), cublas):
        assert memory.is_out_of_memory(error)
    for error in (RuntimeError("shape mismatch"), OSError(28, "No space left on device"), ValueError("out of memory")):
        assert not memory.is_out_of_memory(error)


def test_the_remedy_names_the_flags():
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert memory.remedy(cpu, 144, 4) == "out of memory (host): lower --batch-size (now 144), or --workers (now 4)"
    assert memory.remedy(cpu, 8, 0) == "out of memory (host): lower --batch-size (now 8)"
    assert memory.remedy(cuda, 8, 4) == "out of memory (GPU): lower --batch-size (now 8)"
    assert memory.remedy(cuda, 144, 4, accumulate=1, precision="fp32", fits=57) == (
        "out of memory (GPU): lower --batch-size (now 144), or raise --accumulate (now 1), or --precision bf16; by the memory "
        "measured per image 57 fit at once: --accumulate 3 computes the same batch in parts"
    )
    assert "bf16" not in memory.remedy(cuda, 144, 4, accumulate=2, precision="bf16")


def test_how_many_images_fit_is_computed_from_two_measured_passes():
    asked = []

    def peak(images: int) -> int:
        asked.append(images)
        return 1000 + 70 * images

    assert memory.images_that_fit(peak, room=10_000, fixed=500) == (9500 - 500 - 1000) // 70 and asked == [2, 4]
    assert memory.images_that_fit(peak, room=1000) == 0


@pytest.mark.parametrize("more", [2**30 * 6 // 10, 2**27], ids=["for a pass over 24 images", "for the network"])
def test_a_run_that_memory_does_not_suffice_for_stops_in_one_line(launcher, tmp_path, more):
    """Under a limit on the address space."""
    shape = Shape(train=8, epochs=1)
    trial = Trial(tmp_path, shape.draw(tmp_path / "data"), shape, launcher)
    limits = {"RLIMIT_AS": launcher.address_space() + more}
    attempt = trial.start(limits=limits, more="--model poster_v2 --pretrained none -b 1000 --transform plain")
    assert attempt.process.wait() == 3, attempt.error_lines()[-3:]
    (line,) = attempt.error_lines()
    assert "out of memory (host): lower --batch-size (now 1000)" in line and not attempt.last.exists()
