"""What several processes and devices make of a run's bookkeeping, shown without a GPU."""

import pytest
import torch
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

from engine.checkpoints.schedule import SavingSchedule
from engine.commands.launch import exit_status, visible_devices
from engine.errors import TrainingStopped
from engine.seed import get_rng_state, set_rng_state
from engine.training.epoch import Progress
from engine.training.optimizers import create_optimizer, restore_optimizer
from engine.training.step import Step


def step(loss: float, hits: int) -> Step:
    return Step(torch.tensor(loss), torch.tensor(hits), torch.tensor(1.0))


def test_progress_that_was_restored_goes_on_with_steps_of_another_device():
    begun = Progress()
    begun.add(step(1.0, 2), 4, skipped=False)
    resumed = Progress.restored(begun.state(4))
    assert resumed.losses.tensor().tolist() == [1.0] and resumed.hits.tensor().tolist() == [2]
    resumed.add(step(0.5, 3), 4, skipped=False)
    assert resumed.means() == (0.75, 5 / 8)
    resumed.add(Step(*(torch.zeros((), device="meta") for _ in range(3))), 4, skipped=False)
    with pytest.raises(NotImplementedError, match="meta"):  # only the copy to the host fails, which a GPU's value survives
        resumed.means()


def test_a_process_that_does_not_write_starts_its_interval_anew_too():
    schedule = SavingSchedule((3, None))
    due = []
    for _ in range(9):
        schedule.step()
        due.append(schedule.is_due)
        if schedule.is_due:
            schedule.restart()
    assert due == [False, False, True] * 3


@pytest.mark.parametrize(
    ("gpus", "visible", "expected"),
    [([0, 1], None, "0,1"), ([0, 1], "4,5,6,7", "4,5"), ([2, 0], "4,5,6,7", "6,4"), ([1, 0], "GPU-aa,GPU-bb", "GPU-bb,GPU-aa")],
)
def test_the_schedulers_gpus_are_kept(gpus, visible, expected):
    assert visible_devices(gpus, visible) == expected


@pytest.mark.parametrize(("before", "after"), [(False, True), (True, False), (True, True)])
def test_moments_go_on_between_a_fused_optimiser_and_another(before, after):
    """A GPU's is fused, and keeps its counts on the GPU; a CPU's is not."""
    parameters = [torch.nn.Parameter(torch.linspace(-1, 1, 5)) for _ in range(2)]
    optimizers = [
        create_optimizer([{"params": [p], "lr_scale": 1.0}], "adam", 0.1, 0.0, 0.0, rho=0.0, fused=fused)
        for p, fused in zip(parameters, (before, after))
    ]

    def step(number: int) -> None:
        parameters[number].grad = torch.full((5,), 0.5)
        optimizers[number].step()

    step(0)
    restore_optimizer(optimizers[1], optimizers[0].state_dict())
    assert bool(optimizers[1].param_groups[0]["fused"]) == after
    parameters[1].data.copy_(parameters[0].data)
    step(0)
    step(1)
    torch.testing.assert_close(parameters[1], parameters[0], rtol=1e-5, atol=1e-6)


def test_counts_of_a_fused_optimiser_stay_on_the_host_of_another():
    held, moved = torch.nn.Parameter(torch.ones(3)), torch.nn.Parameter(torch.ones(3, device="meta"))
    held.grad = torch.ones(3)
    fused = create_optimizer([{"params": [held], "lr_scale": 1.0}], "adam", 0.1, 0.0, 0.0, rho=0.0, fused=True)
    fused.step()
    plain = create_optimizer([{"params": [moved], "lr_scale": 1.0}], "adam", 0.1, 0.0, 0.0, rho=0.0)
    restore_optimizer(plain, fused.state_dict())
    assert plain.state[moved]["step"].device.type == "cpu" and plain.state[moved]["exp_avg"].device.type == "meta"


def test_the_random_state_of_a_cpu_has_none_for_a_gpu_which_is_said():
    state = get_rng_state()
    assert state["cuda"] == [] and set_rng_state(state) == ""
    assert "random state of cuda (its draws begin anew)" in set_rng_state(state, torch.device("cuda", 1))


def failed(**codes: int) -> ChildFailedError:
    """What the launcher learns of processes r0, r1, … that ended with `codes` at once."""
    ranks = {int(name[1:]): code for name, code in codes.items()}
    return ChildFailedError("main.py", {rank: ProcessFailure(rank, 1, code, "") for rank, code in ranks.items()})


@pytest.mark.parametrize(
    ("codes", "status"), [({"r0": 2}, 2), ({"r0": 2, "r1": -6}, 2), ({"r1": -9, "r0": 3}, 3), ({"r1": -15}, 1)]
)
def test_a_process_that_said_what_is_wrong_counts_before_those_that_its_end_broke(codes, status):
    assert exit_status(failed(**codes), 2) == status


def test_the_process_that_was_killed_is_named():
    with pytest.raises(TrainingStopped, match="process 1 of 3 was killed by signal 9"):
        exit_status(failed(r2=-9, r1=-9, r0=-15), 3)
