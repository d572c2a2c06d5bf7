"""Many processes evaluate a policy on one server, and their results are merged.

    ./run examples parallel_evaluation --processes 4

Every episode has a seed of its own, which draws its car, so the results are the same however many processes share the episodes.
The policy is pursuit, on the environment `randomised`; put your own in its place.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from typing import NamedTuple

import numpy as np

from hotlap import EndReason, Server, VectorEnv, policies


class Episode(NamedTuple):
    """How one ended: by which rule, at what race time (s), with what return."""

    seed: int
    reason: EndReason
    time_s: float
    earned: float


def evaluate(endpoint: str, track: str, seeds: Sequence[int]) -> list[Episode]:
    """One episode of each seed, all at the same time: what each process does."""
    with closing(VectorEnv(track, len(seeds), server=endpoint, environment='randomised',
                           info=('end_reason', 'race_time', 'episode_return'))) as env:
        drive = policies.pursuit(env.server_spec)
        observations, _ = env.reset(seed=seeds)
        episodes: dict[int, Episode] = {}
        while len(episodes) < len(seeds):
            observations, _, terminated, truncated, infos = env.step(drive(observations))
            for row in np.flatnonzero(terminated | truncated).tolist():
                episodes.setdefault(seeds[row], Episode(  # later ones of this row do not count
                    seeds[row], EndReason(infos['end_reason'][row]), infos['race_time'][row] / 1000,
                    float(infos['episode_return'][row])))
    return list(episodes.values())


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--processes', type=int, default=4)
    parser.add_argument('--episodes', type=int, default=64)
    parser.add_argument('--track', default='hairpins')
    parser.add_argument('--seed', type=int, default=1, help='of the first episode; the others have those after it')
    args = parser.parse_args()
    seeds = list(range(args.seed, args.seed + args.episodes))
    parts = [part for first in range(args.processes) if (part := seeds[first::args.processes])]
    with (Server(simulated=args.episodes) as server,
          ProcessPoolExecutor(len(parts), multiprocessing.get_context('spawn')) as pool):
        running = [pool.submit(evaluate, server.endpoint, args.track, part) for part in parts]
        episodes = sorted(episode for process in running for episode in process.result())
    print(f'{len(episodes)} episodes of pursuit on {args.track}')
    for reason in EndReason:
        ended = [episode for episode in episodes if episode.reason == reason]
        if ended:
            times_s = [episode.time_s for episode in ended]
            print(f'{reason.name.lower():>12} {len(ended):5}   return {np.mean([episode.earned for episode in ended]):6.2f}   '
                  f'time {np.min(times_s):.2f} to {np.max(times_s):.2f} s')


if __name__ == '__main__':
    main()
