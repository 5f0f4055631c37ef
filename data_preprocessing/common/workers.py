"""Doing many small tasks in several processes, a bounded number at a time, that end with the process that began them."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any

from data_preprocessing.common.errors import DataError

_CHUNK = 16  # tasks sent at once: sending takes longer than a small image
_job: Callable | None = None  # in a worker process


def run_tasks(job: Callable, tasks: Sequence, workers: int) -> Iterator[Any]:
    """job(task) of every task, in any order. job, tasks and results are pickled; `job` only once for each process.

    One process does it itself where `workers` is 1 or the tasks are few. When the iterator is closed, or `job` raises, no
    further task is begun, and those under way are waited for. Raises DataError where a process is ended from outside.
    """
    chunks = [tasks[k : k + _CHUNK] for k in range(0, len(tasks), _CHUNK)]
    workers = min(workers, (len(chunks) + 3) // 4)
    if workers <= 1:
        yield from map(job, tasks)
        return
    context = multiprocessing.get_context("spawn")  # a fork copies threads' locks, and opened archives
    with ProcessPoolExecutor(workers, context, _start, (job,)) as pool:
        pending = set()
        try:
            waiting = iter(chunks)
            while True:
                pending |= {pool.submit(_do, chunk) for chunk in islice(waiting, 3 * workers - len(pending))}
                if not pending:
                    return
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    yield from future.result()
        except BrokenProcessPool:
            raise DataError("a worker process was ended from outside, for lack of memory? end others, start again") from None
        finally:
            pool.shutdown(cancel_futures=True)


def _do(chunk: Sequence) -> list:
    return [_job(task) for task in chunk]


def _start(job: Callable) -> None:
    global _job
    _job = job
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Without this, workers of a killed parent would go on writing beside the one that resumes, and then never end."""
    multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])
    os._exit(1)
