"""Starting a process for each GPU of `--gpu 0,1` on PyTorch's elastic launcher, as torchrun does."""

import logging
import os
import signal
import sys
from pathlib import Path

import torch
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from engine.devices import why_no_cuda
from engine.errors import TrainingStopped, UsageError
from engine.run_folder.signals import stopping

_LONGEST_SAVING = 300  # seconds from a signal until a step is finished and saved; then the processes are killed


def visible_devices(gpus: list[int], visible: str | None) -> str:
    """CUDA_VISIBLE_DEVICES for the children, whose GPUs are numbered among those that this process sees.

    visible: the variable as a scheduler has set it (numbers, UUIDs), None where it has not.
    """
    names = visible.split(",") if visible else None
    return ",".join(names[gpu].strip() if names else str(gpu) for gpu in gpus)


def launch(gpus: list[int], command: list[str], device: str = "auto") -> int:
    """Run `command` (a Python script and its arguments) in a process for each of `gpus`; returns their exit status.

    device: as --device says; with cpu as many CPU processes are started. When one process ends in an error the others are
    ended too; a signal that asks to stop is passed on to all. Raises UsageError for an unknown GPU, or none, TrainingStopped
    where a process was killed.
    """
    if device != "cpu":
        _show_gpus(gpus)
    for name in ("torch.distributed.elastic", *logging.root.manager.loggerDict):
        if name.startswith("torch.distributed.elastic"):  # the processes themselves say what is wrong
            logging.getLogger(name).setLevel(logging.CRITICAL)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, torch.get_num_threads() // len(gpus))))
    config = LaunchConfig(
        run_id=str(os.getpid()),
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=len(gpus),
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        monitor_interval=0.2,
    )
    config.signals_to_handle = ",".join(number.name for number in stopping())  # passed on; nohup's SIGHUP stays ignored
    config.shutdown_timeout = _LONGEST_SAVING
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # job schedulers send it to every process; it is for those that train
    try:
        elastic_launch(config, sys.executable)(*[str(Path(command[0]).resolve()), *command[1:]])
    except SignalException as stopped:  # it was passed on, and the processes have ended
        return 128 + stopped.sigval
    except ChildFailedError as error:
        return exit_status(error, len(gpus))
    return 0


def _show_gpus(gpus: list[int]) -> None:
    """Have the children see `gpus` alone."""
    problem = why_no_cuda()
    if problem:
        text = ",".join(map(str, gpus))
        raise UsageError(f"--gpu {text}: {problem}; with --device cpu it starts {len(gpus)} CPU processes")
    unknown = [gpu for gpu in gpus if gpu >= torch.cuda.device_count()]
    if unknown:
        raise UsageError(f"--gpu {unknown[0]}: unknown GPU, this machine has {torch.cuda.device_count()}")
    os.environ["CUDA_VISIBLE_DEVICES"] = visible_devices(gpus, os.environ.get("CUDA_VISIBLE_DEVICES"))


def exit_status(error: ChildFailedError, number: int) -> int:
    """The exit status of the first of `number` processes that failed; raises TrainingStopped where one was killed.

    A process that has said what is wrong counts before one that a signal killed: its end tears the others' connections,
    and what breaks there may end them in the same moment.
    """
    codes = {rank: failure.exitcode for rank, failure in sorted(error.failures.items())}
    told = [code for code in codes.values() if code > 0]
    killed = [rank for rank, code in codes.items() if code < 0 and -code not in (signal.SIGINT, signal.SIGTERM)]
    if killed and not told:
        died = f"process {killed[0]} of {number} was killed by signal {-codes[killed[0]]}"
        raise TrainingStopped(f"{died}; the others were ended") from None
    return told[0] if told else 1
