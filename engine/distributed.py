"""Several processes, one training run: who they are, and what they exchange.

The processes are started by torchrun, or by `main.py --gpu 0,1` itself (engine.commands.launch). Process 0, the main one, alone
writes. Gradients and figures are averaged on the device, by DistributedDataParallel and here; flags
go through a group of their own on the host, so that no process waits for its GPU's queue.
"""

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from engine.errors import TrainingStopped, UsageError
from engine.training.sync_bn import with_synchronised_batchnorm

_PATIENCE = timedelta(hours=2)  # the longest that one process lets the others wait: an unreadable disk, a cache built


@dataclass(frozen=True)
class Group:
    """The processes of a run. rank: this one's number; size: how many there are; local_rank: its number on its machine."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    host: Any = None  # the process group of the messages on the host, None for a single process

    @property
    def is_main(self) -> bool:
        """Whether this process writes and speaks."""
        return self.rank == 0

    def wrap(self, model: nn.Module, sync_bn: bool) -> nn.Module:
        """The network whose gradients are means over all processes; BatchNorm's statistics too with sync_bn."""
        if self.size == 1:
            return model
        if sync_bn:
            with_synchronised_batchnorm(model)
        device = next(model.parameters()).device
        # without sync_bn every process normalises by its own images, and process 0's running statistics count: as
        # under the published DataParallel
        # gradients stay memory of their own: SAM keeps w + ε in it while the second pass fills the buckets
        return DistributedDataParallel(model, [device] if device.type == "cuda" else None, gradient_as_bucket_view=False)

    def share(self, value: object) -> object:
        """The main process's value (anything that can be pickled), in every process."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, group=self.host)
        return box[0]

    def sum_where_they_are(self, values: Tensor) -> Tensor:
        """(N,) of every process -> their sum, on the device of `values`: what computes it does not wait for its queue."""
        values = values.detach().clone()
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def max(self, *values: int) -> list[int]:
        """The largest of every process's numbers, place by place."""
        numbers = torch.tensor(values)
        if self.size > 1:
            dist.all_reduce(numbers, dist.ReduceOp.MAX, self.host)
        return numbers.tolist()

    def gather(self, value: object) -> list:
        """Every process's value by rank, in every process."""
        if self.size == 1:
            return [value]
        found = [None] * self.size
        dist.all_gather_object(found, value, group=self.host)
        return found

    def share_weights(self, model: nn.Module) -> None:
        """Give every process the main one's weights and statistics."""
        if self.size > 1:
            for tensor in model.state_dict().values():
                dist.broadcast(tensor, src=0)


SINGLE = Group()


def join_group() -> Group:
    """The group that torchrun's environment variables describe; one process alone without them.

    Tensors on a GPU travel by NCCL, those on the host by Gloo, so that the device may be chosen afterwards: a checkpoint may
    name it. Raises UsageError where the variables make no sense.
    """
    if "WORLD_SIZE" not in os.environ or "RANK" not in os.environ:
        return Group()
    try:
        rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        local_rank = int(os.environ.get("LOCAL_RANK", 0))
    except ValueError:
        raise UsageError("RANK, WORLD_SIZE and LOCAL_RANK must be numbers: start the processes by torchrun") from None
    if size == 1:
        return Group()
    has_gpus = torch.cuda.is_available() and local_rank < torch.cuda.device_count()
    if has_gpus:
        torch.cuda.set_device(local_rank)
    try:
        dist.init_process_group("cpu:gloo,cuda:nccl" if has_gpus else "gloo", timeout=_PATIENCE)
        host = dist.new_group(backend="gloo", timeout=_PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise TrainingStopped(f"the processes did not find each other ({str(error).splitlines()[0]})") from None
    return Group(rank, size, local_rank, host)


def leave_group(group: Group) -> None:
    """End the messages between the processes, at the very end of a run."""
    if group.size > 1:
        dist.destroy_process_group()


def is_broken_group(error: BaseException) -> bool:
    """Whether `error` says that another process of the group is gone."""
    signs = ("connection closed by peer", "connection reset by peer", "connection refused", "nccl", "gloo", "socket")
    return isinstance(error, RuntimeError) and dist.is_initialized() and any(sign in str(error).lower() for sign in signs)
