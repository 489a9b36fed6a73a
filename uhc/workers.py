"""A pool of worker processes for clips: crash-proof, bounded in time, no state between clips.

The workers are fresh interpreters (`python -m uhc.workers`) that read pickled tasks from a pipe: 17
MiB and 0.13 s of processor time each. `multiprocessing`, and `pebble` on it, imports the caller's
main module in each of them, and with it torch (219 MiB, 2.8 s); `loky` does not, but has no time
limit for a task and loses every pending one when a worker dies. Here that costs one clip.
"""

from __future__ import annotations

import importlib
import logging
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import IO, Generic, TypeVar

from threadpoolctl import threadpool_limits

from loop.errors import ScscError

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Shared = TypeVar("Shared")
Result = TypeVar("Result")
_THREADS = {
    f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB")
}


PATIENCE = 20
"""Times its limit of processor time that an item may take by the clock: then it hangs."""


class WorkerLostError(ScscError):
    """A worker process crashed or ran out of time."""


def run_batch(
    function: Callable[[Item, Shared], Result],
    items: Sequence[Item],
    shared: Shared,
    *,
    workers: int,
    time_limits: Sequence[float],
) -> Generator[tuple[int, Result | WorkerLostError], None, None]:
    """Yield (index, function(item, shared)) for every item, as they finish.

    `function` is a module-level function. With one worker everything runs in this process, on one
    BLAS thread, and time limits do not apply. With more, item i has `time_limits[i]` seconds of
    processor time, so that results do not depend on what else a machine does, and PATIENCE times
    as long by the clock. An item whose process dies or overruns yields a WorkerLostError in place
    of a result. Closing the generator, Ctrl-C included, ends the workers.
    """
    crew_size = min(workers, len(items))
    if crew_size <= 1:
        with threadpool_limits(1):
            for index, item in enumerate(items):
                yield index, function(item, shared)
        return
    crew = [_Worker[Item, Result](function, shared) for _ in range(crew_size)]
    idle: queue.SimpleQueue[_Worker[Item, Result]] = queue.SimpleQueue()
    for worker in crew:
        idle.put(worker)

    def job(index: int) -> Result | WorkerLostError:
        worker = idle.get()
        try:
            return worker.run(items[index], time_limits[index])
        except WorkerLostError as error:
            if not worker.retired:
                logger.warning("Item %d lost its worker: %s", index, error)
            return error
        finally:
            idle.put(worker)

    pool = ThreadPoolExecutor(crew_size)
    try:
        futures = {pool.submit(job, index): index for index in range(len(items))}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in crew:
            worker.retire()


class _Worker(Generic[Item, Result]):
    """One interpreter that is started when needed and started again after it was lost."""

    def __init__(self, function: Callable[[Item, Shared], Result], shared: Shared) -> None:
        self._hello = (function.__module__, function.__qualname__, shared)
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self.retired = False

    def run(self, item: Item, time_limit: float) -> Result:
        """Return the result for one item. Raises WorkerLostError if the process is lost."""
        hung = threading.Event()
        process = self._start()
        alarm = threading.Timer(PATIENCE * time_limit, lambda: (hung.set(), process.kill()))
        alarm.start()
        try:
            _send(process.stdin, (item, time_limit))
            return pickle.load(_stream(process.stdout))
        except (EOFError, BrokenPipeError, pickle.UnpicklingError) as error:
            code = self._stop()
            overran = hung.is_set() or code == -signal.SIGPROF
            raise WorkerLostError(
                "ran out of time" if overran else "the worker process crashed",
                found=f"{time_limit:g} s of a processor" if overran else f"exit status {code}",
            ) from error
        finally:
            alarm.cancel()

    def retire(self) -> None:
        """End the process and never start another."""
        self.retired = True
        self._stop()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self.retired:
                raise WorkerLostError("the worker has been dismissed")
            if self._process is None:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "uhc.workers"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env={**os.environ, **_THREADS, "PYTHONPATH": os.pathsep.join(sys.path)},
                )
                _send(self._process.stdin, self._hello)
            return self._process

    def _stop(self) -> int | None:
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return None
        process.kill()
        code = process.wait()
        for stream in (process.stdin, process.stdout):
            try:
                _stream(stream).close()
            except BrokenPipeError:
                logger.debug("A worker left with unread input")
        return code


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # it was opened as a pipe
    return stream


def _send(stream: IO[bytes] | None, message: object) -> None:
    pickle.dump(message, _stream(stream), protocol=pickle.HIGHEST_PROTOCOL)
    _stream(stream).flush()


def main() -> None:
    """Serve as a worker: read (module, function, shared), then answer each item with its result."""
    # Both reach whole process groups (Ctrl-C, the time limit of a cluster) and are the caller's to
    # handle: a worker that died of one would pass for a clip that crashes the simulation.
    for polite in (signal.SIGINT, signal.SIGTERM):
        signal.signal(polite, signal.SIG_IGN)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nobody else writes into the pipe
    tasks = sys.stdin.buffer
    module, name, shared = pickle.load(tasks)
    function = getattr(importlib.import_module(module), name)
    with threadpool_limits(1):
        while True:
            try:
                item, seconds = pickle.load(tasks)
            except EOFError:  # the caller is gone
                return
            # The kernel ends the process, also in the midst of compiled code.
            signal.setitimer(signal.ITIMER_PROF, seconds)
            result = function(item, shared)
            signal.setitimer(signal.ITIMER_PROF, 0)
            _send(answers, result)


if __name__ == "__main__":
    main()
