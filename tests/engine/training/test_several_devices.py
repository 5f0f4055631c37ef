"""What several processes and devices make of a run's bookkeeping, shown without a GPU."""

import pytest
import torch

from engine.checkpoints.schedule import SavingSchedule
from engine.commands.launch import visible_devices
from engine.training.epoch import Progress
from engine.training.step import Step


def step(loss: float, hits: int) -> Step:
    return Step(torch.tensor(loss), torch.tensor(hits), torch.tensor(1.0))


def test_progress_that_was_restored_goes_on_with_steps_of_another_device():
    begun = Progress()
    begun.add(step(1.0, 2), 4, skipped=False)
    resumed = Progress.restored(begun.state())
    assert {value.device.type for value in resumed.losses + resumed.hits} == {"cpu"}
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
