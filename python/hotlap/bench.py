"""How fast environments step from Python: `python -m hotlap.bench`.

Steps of all rows per second, of VectorEnv by `step` and by `send` and `recv` with two halves in flight, beside the C++ client on
the same server (when `client_bench` is built), Gymnasium's SyncVectorEnv and AsyncVectorEnv over an environment that does nothing
but has the same spaces, and envpool's Pendulum-v1 (when it is installed). Measurements take turns, so that what else the machine
does meets all of them; each figure is a median, and so is each ratio, of those within one turn: quote ratios.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import pathlib
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import gymnasium as gym
import numpy as np

from hotlap.errors import ServerNotStarted
from hotlap.server import Server, program
from hotlap.vector_env import VectorEnv

_TRACK = 'hairpins'
_ROWS = (1, 16, 64, 256, 1024)
_OTHERS = ('cpp', 'sync', 'async', 'envpool')
_MOST_PROCESSES = 64
_NUM_BATCHES = 16  # of actions, drawn before the clock runs
_RATIOS = {f'{one}/{other}': (one, other) for one, other in (
    ('step', 'cpp_step'), ('halves', 'cpp_halves'), ('step', 'async'), ('halves', 'async'))}

Rate = Callable[[float], float]  # steps of rows per second, measured for so many seconds
Contender = Callable[[int], Any]  # of so many rows: a context that gives a Rate, or None where it has none


class Trivial(gym.Env[Any, Any]):
    """Nothing happens; the spaces are those of our environments."""

    def __init__(self, observation_space: Any, action_space: Any) -> None:
        self.observation_space, self.action_space = observation_space, action_space
        self._shown = np.zeros(observation_space.shape, np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Nothing begins."""
        super().reset(seed=seed)
        return self._shown, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Nothing is done."""
        return self._shown, 0.0, False, False, {}


def _actions(rows: int, num_actions: int) -> Iterator[Any]:
    """The same batches of random actions again and again."""
    batches = list(np.random.default_rng(1).integers(num_actions, size=(_NUM_BATCHES, rows)))
    while True:
        yield from batches


def _rate(step_once: Callable[[], object], rows: int) -> Rate:
    def measure(seconds: float) -> float:
        count, begin = 0, time.perf_counter()
        while (now := time.perf_counter()) - begin < seconds:
            step_once()
            count += rows
        return count / (now - begin)

    return measure


def _by_step(server: Server) -> Contender:
    @contextmanager
    def of(rows: int) -> Iterator[Rate]:
        with closing(VectorEnv(_TRACK, rows, server=server, wait_s=60)) as env:
            env.reset(seed=1)
            actions = _actions(rows, len(env.action_names))
            yield _rate(lambda: env.step(next(actions)), rows)

    return of


def _by_halves(server: Server) -> Contender:
    @contextmanager
    def of(rows: int) -> Iterator[Rate | None]:
        if rows < 2:
            yield None
            return
        with closing(VectorEnv(_TRACK, rows, server=server, wait_s=60)) as env:
            env.reset(seed=1)
            actions = _actions(rows, len(env.action_names))
            halves = np.array_split(np.arange(rows, dtype=np.int32), 2)
            first = next(actions)
            for half in halves:
                env.send(first[half], rows=half)

            def step_once() -> None:
                batch = next(actions)
                for half in halves:
                    env.recv()
                    env.send(batch[half], rows=half)

            yield _rate(step_once, rows)

    return of


def _by_cpp(server: Server, options: Sequence[str], least_rows: int) -> Contender:
    @contextmanager
    def of(rows: int) -> Iterator[Rate | None]:
        if rows < least_rows:
            yield None
            return
        command = [str(program('client_bench')), '--server', server.endpoint, '--rows', str(rows), *options]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
            asked, told = client.stdin, client.stdout
            assert asked is not None
            assert told is not None

            def measure(seconds: float) -> float:
                print(seconds, file=asked, flush=True)
                return float(told.readline())

            yield measure

    return of


def _gymnasiums(kind: Any, spaces: VectorEnv, most: int | None) -> Contender:
    @contextmanager
    def of(rows: int) -> Iterator[Rate | None]:
        if most is not None and rows > most:
            yield None
            return
        observation_space, action_space = spaces.single_observation_space, spaces.single_action_space
        with closing(kind([lambda: Trivial(observation_space, action_space)] * rows)) as env:
            env.reset(seed=1)
            actions = _actions(rows, len(spaces.action_names))
            yield _rate(lambda: env.step(next(actions)), rows)

    return of


def _envpools(envpool: Any) -> Contender:
    @contextmanager
    def of(rows: int) -> Iterator[Rate]:
        with closing(envpool.make_gymnasium('Pendulum-v1', num_envs=rows)) as env:
            env.reset()
            actions = np.random.default_rng(1).uniform(-2, 2, (rows, 1)).astype(np.float32)
            yield _rate(lambda: env.step(actions), rows)

    return of


def _contenders(server: Server, most_processes: int, without: Sequence[str]) -> dict[str, Contender]:
    """Those that are compared stand side by side."""
    found: dict[str, Contender] = {'step': _by_step(server), 'halves': _by_halves(server)}
    if 'cpp' not in without and _is_built('client_bench'):
        found = {'step': found['step'], 'cpp_step': _by_cpp(server, (), 1),
                 'halves': found['halves'], 'cpp_halves': _by_cpp(server, ('--halves',), 2)}
    spaces = VectorEnv(_TRACK, server=server)
    if 'sync' not in without:
        found['sync'] = _gymnasiums(gym.vector.SyncVectorEnv, spaces, None)
    if 'async' not in without:
        found['async'] = _gymnasiums(gym.vector.AsyncVectorEnv, spaces, most_processes)
    if 'envpool' not in without and importlib.util.find_spec('envpool') is not None:
        found['envpool'] = _envpools(importlib.import_module('envpool'))
    return found


def _is_built(name: str) -> bool:
    try:
        program(name)
    except ServerNotStarted:
        return False
    return True


def measure(rows: Sequence[int] = _ROWS, *, seconds: float = 0.5, repeats: int = 5, most_processes: int = _MOST_PROCESSES,
            threads: int | None = None, without: Sequence[str] = ()) -> list[dict[str, float]]:
    """One map per number of rows: `rows`, steps per second by contender, ratios as `step/async`; what there is not is left out.

    Args:
        rows: numbers of rows.
        seconds: of each measurement.
        repeats: measurements of which a figure is the median.
        most_processes: rows up to which AsyncVectorEnv, which has a process for each, takes part.
        threads: of the server.
        without: those of `cpp`, `sync`, `async` and `envpool` that are left out.
    """
    results = []
    with Server(simulated=4 * max(rows), threads=threads) as server:
        contenders = _contenders(server, most_processes, without)
        for n in rows:
            rates: dict[str, list[float]] = {}
            with ExitStack() as stack:
                running = {name: stack.enter_context(contender(n)) for name, contender in contenders.items()}
                for turn in range(repeats + 1):
                    for name, rate in running.items():
                        if rate is None:
                            continue
                        if turn == 0:
                            rate(0.1 * seconds)  # warms up
                        else:
                            rates.setdefault(name, []).append(rate(seconds))
            results.append({'rows': n, **{name: statistics.median(values) for name, values in rates.items()}, **_ratios(rates)})
    return results


def _ratios(rates: dict[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(a / b for a, b in zip(rates[one], rates[other], strict=True))
            for name, (one, other) in _RATIOS.items() if one in rates and other in rates}


def table(results: Sequence[dict[str, float]]) -> str:
    """For people: steps per second, and how many times as fast as AsyncVectorEnv and as the C++ client ours is."""
    names = [name for name in ('step', 'halves', 'cpp_step', 'cpp_halves', 'sync', 'async', 'envpool')
             if any(name in result for result in results)]
    ratios = [name for name in _RATIOS if any(name in result for result in results)]
    lines = [''.join([f'{"rows":>6}', *(f'{name:>12}' for name in names), *(f'{name:>18}' for name in ratios)])]
    for result in results:
        cells = [f'{result[name]:>12.0f}' if name in result else f'{"-":>12}' for name in names]
        cells += [f'{result[name]:>18.2f}' if name in result else f'{"-":>18}' for name in ratios]
        lines.append(f'{result["rows"]:>6.0f}' + ''.join(cells))
    return '\n'.join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog='python -m hotlap.bench', description='Steps of all rows per second, medians.')
    parser.add_argument('--rows', type=int, nargs='+', default=list(_ROWS), help='default: %(default)s')
    parser.add_argument('--seconds', type=float, default=0.5, help='of each measurement, default: %(default)s')
    parser.add_argument('--repeats', type=int, default=5, help='of which a figure is the median, default: %(default)s')
    parser.add_argument('--most-processes', type=int, default=_MOST_PROCESSES,
                        help='rows up to which AsyncVectorEnv takes part, default: %(default)s')
    parser.add_argument('--threads', type=int, help='of the server, default: one per core')
    parser.add_argument('--without', nargs='+', choices=_OTHERS, default=[], help='leave some out')
    parser.add_argument('--out', type=pathlib.Path, help='JSON file to write')
    given = parser.parse_args(arguments)
    results = measure(given.rows, seconds=given.seconds, repeats=given.repeats, most_processes=given.most_processes,
                      threads=given.threads, without=given.without)
    print(table(results))
    if given.out is not None:
        machine = {'system': platform.platform(), 'python': platform.python_version(), 'gymnasium': gym.__version__,
                   'numpy': np.__version__}
        given.out.write_text(json.dumps({'machine': machine, 'unit': 'steps of rows per second', 'results': results}, indent=1)
                             + '\n')


if __name__ == '__main__':
    main()
