"""Files that each version of the format left: read and continued (tests/stored)."""

import gzip
import io
import zipfile
from pathlib import Path

import pytest
import torch

from engine.checkpoints.format import load_checkpoint
from engine.config.settings import resolve
from engine.errors import UsageError
from engine.network import load_weights
from engine.seed import set_rng_state
from engine.training.optimizers import create_optimizer, parameter_groups, restore_optimizer
from models import create_model
from tests.fuzz.checkpoint_files import ARGS, CLASSES, ROW, pattern, rezipped

STORED = Path(__file__).parents[2] / "stored"


@pytest.mark.parametrize("version", [1, 2])
def test_a_stored_file_of_each_version_loads_and_goes_on(version, tmp_path):
    path = tmp_path / "stored.pth"
    path.write_bytes(gzip.decompress((STORED / f"checkpoint_v{version}.pth.gz").read_bytes()))
    loaded = load_checkpoint(path, "--resume")
    assert (loaded.model, loaded.classes, loaded.run) == ("deep_emotion", tuple(CLASSES), "fuzz")
    assert (loaded.epoch, loaded.best, loaded.history) == (1, {"epoch": 1, "valid_accuracy": 0.375}, [ROW])
    assert loaded.args == ARGS and loaded.fingerprints == {"train": "ab" * 32, "valid": "cd" * 32}
    settings = resolve({}, loaded.settings)
    assert (settings.lr, settings.batch_size, settings.model) == (1e-4, 8, "deep_emotion")
    model = create_model(loaded.model, loaded.num_outputs)
    load_weights(model, loaded, "--resume", print)
    for value in model.state_dict().values():
        assert not value.is_floating_point() or torch.equal(value, pattern(value.shape))
    optimizer = create_optimizer(parameter_groups(model, 1.0), "adam", 1e-4, 0.0, 0.0, 0.0)
    restore_optimizer(optimizer, loaded.optimizer)
    for parameter, moments in optimizer.state.items():
        assert moments["step"] == 1 and torch.equal(moments["exp_avg_sq"], pattern(parameter.shape).abs())
    set_rng_state(loaded.rng)
    assert torch.equal(torch.rand(3), torch.rand(3, generator=torch.Generator().manual_seed(0)))
    model(torch.zeros(2, 1, 48, 48)).sum().backward()
    optimizer.step()
    assert all(parameter.isfinite().all() for parameter in model.parameters())
    if version == 1:
        assert loaded.progress is None and loaded.pictures == {}
    else:
        assert loaded.progress["step"] == 2 and loaded.progress["losses"].tolist() == [1.5, 1.25]
        assert loaded.pictures["valid"].tolist() == [-3, -2, -1]


def test_a_stored_file_with_one_other_byte_in_a_tensor_is_refused(tmp_path):
    data = gzip.decompress((STORED / "checkpoint_v2.pth.gz").read_bytes())
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("data/0")]
        other = archive.read(name)
    other = bytes([other[0] ^ 1]) + other[1:]
    (tmp_path / "a.pth").write_bytes(rezipped(data, {"data/0": other}))  # a sound archive all the same
    with pytest.raises(UsageError, match="its checksum does not match"):
        load_checkpoint(tmp_path / "a.pth", "--resume")
