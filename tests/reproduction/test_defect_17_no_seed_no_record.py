"""17. All published systems but POSTER V1 set no seed and record neither arguments nor data, so that no run can be
repeated.
"""

import torch
from torch import nn

from tests.reproduction.cli_runs import arguments, metrics, saved


def published_run(folder) -> dict:
    """What a run leaves, in a process that starts as every new one does: with a seed nobody knows."""
    torch.seed()
    network = nn.Linear(4, 3)
    file = folder / "checkpoint.pth"
    torch.save({"epoch": 1, "state_dict": network.state_dict(), "best_acc": torch.tensor(0.0)}, file)
    return torch.load(file, weights_only=True)


def test_the_published_run_again_is_another_run_and_nothing_tells_why(tmp_path):
    with torch.random.fork_rng():
        first, second = published_run(tmp_path), published_run(tmp_path)
    assert not torch.equal(first["state_dict"]["weight"], second["state_dict"]["weight"])
    assert not set(first) & {"seed", "args", "rng", "fingerprints", "version"}


def test_our_run_again_is_the_same_run(work, one, two):
    # two runs of one command up to the number of epochs: the first epoch is the same to the last digit
    assert metrics(one)[0] == metrics(two)[0]


def test_our_run_records_what_it_takes_to_repeat_it(work, one):
    record, checkpoint = arguments(one), saved(one)
    for settings in (record["arguments"], checkpoint["args"]):
        assert settings["seed"] == 0 and settings["lr"] == 1e-4 and settings["batch_size"] == 3
    assert record["versions"]["torch"] == torch.__version__.split("+")[0]
    assert record["fingerprints"].keys() == {"train", "valid", "test"}
    assert record["fingerprints"] == checkpoint["fingerprints"]
    assert checkpoint["rng"] is not None and checkpoint["classes"] == ["anger", "happiness", "surprise"]
