"""Hostile, damaged and wrong checkpoints: each is used whole or refused in one line, at once, in little memory.

FUZZ_CASES (here over all families together, 112 without it) are made from fixed seeds; with the variable given the
outcomes are counted on the terminal, with FUZZ_SHOW=N also the N most frequent refusals of each family.
"""

import copyreg
import faulthandler
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from engine.checkpoints.format import Checkpoint, load_checkpoint
from engine.config.settings import resolve
from engine.errors import UsageError
from engine.network import build_model, load_weights, model_options
from engine.seed import set_rng_state
from engine.training.epoch import Progress
from engine.training.loop import FitState
from engine.training.optimizers import create_optimizer, parameter_groups, restore_optimizer
from models.files.checksum import checksum
from tests.fuzz.checkpoint_cases import FAMILIES
from tests.fuzz.checkpoint_files import Sound
from tests.fuzz.hostile import SECONDS, TookTooLong, limited, silent
from tests.fuzz.hostile_pickles import EXTENSION

CASES = int(os.environ.get("FUZZ_CASES", 112))
MOST_MEMORY = 250 << 20  # bytes that a case may take beyond a few times its file's size


@contextmanager
def bounded(size: int) -> Iterator[None]:
    """Fails a case that takes too long, or memory out of proportion to a file of `size` bytes."""
    faulthandler.dump_traceback_later(3 * SECONDS, exit=True, file=sys.__stderr__)  # C code may never see the alarm
    start = reset_peak()
    try:
        with limited(), silent():
            yield
    except TookTooLong:
        pytest.fail(f"took more than {SECONDS} s")
    finally:
        faulthandler.cancel_dump_traceback_later()
    if start is not None:
        assert memory("VmHWM") - start < MOST_MEMORY + 8 * size


def memory(name: str) -> int:
    """A figure of this process in /proc, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(name + ":"))


def reset_peak() -> int | None:
    """Bytes in use; VmHWM counts from here on. None where the system has no such figures."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
        return memory("VmRSS")
    except OSError:
        return None


def use(checkpoint: Checkpoint) -> None:
    """What --evaluate and --resume do with a checkpoint before they look at images."""
    settings = resolve({}, checkpoint.settings)
    model = build_model(checkpoint.model, checkpoint.num_outputs, model_options(settings), torch.device("cpu"))
    load_weights(model, checkpoint, "--resume", lambda text: None)
    options = settings.optimizer, settings.lr, settings.momentum, settings.weight_decay, settings.rho
    optimizer = create_optimizer(parameter_groups(model, settings.feature_lr_scale), *options)
    if checkpoint.optimizer:
        try:
            restore_optimizer(optimizer, checkpoint.optimizer)
        except (ValueError, KeyError) as error:
            raise UsageError(f"its optimiser state does not fit ({error})") from None
    if checkpoint.rng:
        set_rng_state(checkpoint.rng)
    progress = Progress.restored(checkpoint.progress) if checkpoint.progress else None
    FitState(checkpoint.epoch, list(checkpoint.history), checkpoint.best, progress).rewind(checkpoint.epoch)


def outcome(path: Path) -> tuple[str, Checkpoint | None]:
    """("loaded", the checkpoint), or the message of the refusal and None."""
    with bounded(path.stat().st_size):
        try:
            checkpoint = load_checkpoint(path, "--resume")
            use(checkpoint)
            return "loaded", checkpoint
        except UsageError as error:
            message = str(error).replace(str(path), "FILE")
    assert len(message.splitlines()) == 1 and len(message) < 400 and message.isprintable(), message
    return message, None


def held(checkpoint: Checkpoint) -> str:
    """A digest of all that a checkpoint holds."""
    return checksum({name: value for name, value in vars(checkpoint).items() if name != "path"})


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Sound files, and os.system in the table that the instructions EXT1 to EXT4 look into."""
    copyreg.add_extension("os", "system", EXTENSION)
    yield Sound(tmp_path_factory.mktemp("canary") / "sang")
    copyreg.remove_extension("os", "system", EXTENSION)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_file_is_used_whole_or_refused_in_one_line(family, sound, tmp_path, capsys):
    share, rest = divmod(CASES, len(FAMILIES))
    counts, path = Counter(), tmp_path / "case.pth"
    for number in range(share + (list(FAMILIES).index(family) < rest)):
        data, may_load = FAMILIES[family](random.Random(f"{family} {number}"), number, sound)
        path.write_bytes(data)
        text, checkpoint = outcome(path)
        counts[text] += 1
        assert not sound.canary.exists(), f"case {number} ran its code"
        assert checkpoint is None or may_load, f"case {number} was loaded"
        if checkpoint and may_load == "equal":
            path.write_bytes(sound.files["bare" if checkpoint.is_foreign else "ours"])
            assert held(checkpoint) == held(load_checkpoint(path, "--resume")), f"case {number} was loaded as something else"
    if "FUZZ_CASES" in os.environ:
        loaded = counts.pop("loaded", 0)
        with capsys.disabled():
            print(f"\n{family}: {loaded} loaded, {counts.total()} refused in {len(counts)} ways", flush=True)
            for text, times in counts.most_common(int(os.environ.get("FUZZ_SHOW", 0))):
                print(f"  {times:4} {text}")


@pytest.mark.parametrize("name", ["ours", "bare", "ours, old", "bare, old"])
def test_the_sound_files_are_used(name, sound, tmp_path):
    (tmp_path / "case.pth").write_bytes(sound.files[name])
    assert outcome(tmp_path / "case.pth")[0] == "loaded"


def test_the_sound_safetensors_file_is_used(sound, tmp_path):
    (tmp_path / "case.safetensors").write_bytes(sound.safetensors)
    text, checkpoint = outcome(tmp_path / "case.safetensors")
    assert text == "loaded"
    assert all(torch.equal(value, checkpoint.state_dict[key]) for key, value in sound.content["state_dict"].items())


def test_a_folder_and_a_pipe_are_refused(tmp_path):
    assert "is a folder" in outcome(tmp_path)[0]
    os.mkfifo(tmp_path / "pipe")
    assert "no such file" in outcome(tmp_path / "pipe")[0]
