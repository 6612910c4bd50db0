"""Render several files: in this process, or in several at once.

Rules of this file
 1. One input's error is that input's outcome; the others go on.
 2. Workers are spawned, one thread each, and take one file at a time.
 3. Ctrl-C belongs to the parent, who ends the workers; they clean up on SIGTERM. A worker whose
    parent is gone ends at its next message.
"""

import multiprocessing
import os
import signal
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from plugin_bridge.errors import PluginBridgeError
from plugin_bridge.files.options import RenderOptions, folder_names
from plugin_bridge.files.render import open_model, render
from plugin_bridge.files.report import RenderReport

Progress = Callable[[Path, int, int], None]
"""Called with the input, samples done, forecast of all samples."""

# A worker has this long to remove its temporary files before it is killed.
GOODBYE_SECONDS = 5.0
# What a terminal sends to all that run on it: the parent hears it, and ends the workers.
TERMINAL = [getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)]
# Read by BLAS and OpenMP libraries when numpy is imported in a worker.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Outcome:
    """What became of one input: a report, or an error."""

    path: Path
    report: RenderReport | None = None
    error: Exception | None = None


def render_all(
    inputs: Sequence[Path],
    options: RenderOptions,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Generator[Outcome]:
    """Render every input; folders are named by `folder_names`.

    Parameters
    ----------
    inputs : paths
        A path given twice is rendered once.
    options : RenderOptions
    jobs : int
        Worker processes; 1 renders here.
    progress : callable or None

    Yields
    ------
    outcome : Outcome
        One per input, as they finish.

    Raises
    ------
    ModelError, SpecError
        Before the first outcome, if the model or a stem's name cannot be used: no input could be
        rendered.

    Notes
    -----
    Thread: [main]
    """
    unique = list({os.path.realpath(path): path for path in inputs}.values())
    tasks = list(zip(unique, folder_names(unique), strict=True))
    model = open_model(options)
    if min(jobs, len(tasks)) > 1:
        del model  # the workers open their own
        yield from _render_apart(tasks, options, min(jobs, len(tasks)), progress)
        return
    for path, name in tasks:
        told = None if progress is None else _tell(progress, path)
        yield _attempt(path, lambda: render(path, options, told, name=name, model=model))  # noqa: B023


def _tell(progress: Progress, path: Path) -> Callable[[int, int], None]:
    return lambda done, total: progress(path, done, total)


def _attempt(path: Path, work: Callable[[], RenderReport]) -> Outcome:
    try:
        return Outcome(path, work())
    except Exception as error:  # noqa: BLE001  the top of a piece of work: the others go on
        return Outcome(path, error=error)


Task = tuple[Path, str]


class _Worker:
    """A spawned process and the pipe to it."""

    def __init__(self, options: RenderOptions) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, options), daemon=True)
        with _quiet_start():
            self.process.start()
        theirs.close()
        self.task: Task | None = None

    def give(self, task: Task) -> None:
        self.task = task
        self.connection.send(task)

    def end(self) -> None:
        self.process.terminate()
        self.process.join(GOODBYE_SECONDS)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.connection.close()


def _render_apart(
    tasks: Sequence[Task], options: RenderOptions, jobs: int, progress: Progress | None
) -> Iterator[Outcome]:
    waiting = list(reversed(tasks))
    workers: list[_Worker] = []
    try:
        for _ in range(jobs):
            workers.append(_Worker(options))
            workers[-1].give(waiting.pop())
        while workers:
            for worker in _with_news(workers):
                outcome = _hear(worker, progress)
                if outcome is None:
                    continue
                if not worker.process.is_alive() or not waiting:
                    worker.end()
                    workers.remove(worker)
                    if waiting:
                        worker = _Worker(options)
                        workers.append(worker)
                if waiting:
                    worker.give(waiting.pop())
                yield outcome
    finally:
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.end()


def _with_news(workers: Sequence[_Worker]) -> list[_Worker]:
    ready = wait([worker.connection for worker in workers])
    return [worker for worker in workers if worker.connection in ready]


def _hear(worker: _Worker, progress: Progress | None) -> Outcome | None:
    """Take a worker's next message; give the outcome if it is one."""
    path, _ = worker.task or (Path(), "")
    try:
        message: Any = worker.connection.recv()
    except (EOFError, OSError):
        worker.process.join(GOODBYE_SECONDS)
        code = worker.process.exitcode
        return Outcome(
            path,
            error=PluginBridgeError(
                f"{path}: the worker process ended by itself (exit code {code}); render it alone, "
                "with --jobs 1"
            ),
        )
    if isinstance(message, Outcome):
        return message
    if progress is not None:
        progress(path, *message)
    return None


@contextmanager
def _quiet_start() -> Iterator[None]:
    """Keep a terminal's signals from a process that has not yet set up its own; it inherits."""
    if hasattr(signal, "pthread_sigmask"):
        before = signal.pthread_sigmask(signal.SIG_BLOCK, TERMINAL)
    kept = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Connection, options: RenderOptions) -> None:
    """Run in the worker: render what comes until it is ended."""
    for number in TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    warnings.simplefilter("ignore")  # the parent, which opened the same model, has said it all
    model = None
    while True:
        try:
            path, name = connection.recv()
        except EOFError:
            return
        try:
            model = model or open_model(options)
            told = lambda done, total: connection.send((done, total))  # noqa: E731
            outcome = Outcome(path, render(path, options, told, name=name, model=model))
        except BrokenPipeError:
            return
        except Exception as error:  # noqa: BLE001  the top of the worker
            outcome = Outcome(path, error=_portable(error))
        connection.send(outcome)


def _leave(*_: object) -> None:
    # Told a second time, it would stop cleaning up.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(0)


def _portable(error: Exception) -> Exception:
    """Give an error that survives the pipe with its sentence and kind."""
    if isinstance(error, PluginBridgeError):
        return type(error)(str(error))
    return RuntimeError(f"{type(error).__name__}: {error}")
