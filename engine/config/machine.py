"""What a flag's value is on this machine. No torch."""

import argparse
import os

_MOST = 16  # more were not needed by any transform and a GPU that trains at 1,500 images/s (docs/performance.md)


def worker_count(text: str) -> int:
    """--workers -> the number of decoding processes; auto: the cores that this process may use, less one for itself, shared
    among the processes that torchrun started on this machine. Raises argparse.ArgumentTypeError."""
    if text != "auto":
        try:
            return int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no number; give one such as 2, or auto") from None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(1, min(share - 1, _MOST))
