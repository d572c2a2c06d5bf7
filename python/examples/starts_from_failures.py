"""Episodes that begin where earlier ones failed: hard places are met almost twice as often in the same number of steps.

    ./run examples starts_from_failures

A careless driver, pursuit with any keys now and then, drives the hairpins: first always from the start, then half of its episodes
from states that the rows kept by themselves, each the last one before a failure. A learner would see more of the hard places in
the same steps. The table says how often episodes failed, and how far they had come since they began.
"""

from __future__ import annotations

import argparse
from contextlib import closing
from typing import Any, NamedTuple

import numpy as np

from hotlap import EndReason, VectorEnv, policies

TRACK, ROWS = 'hairpins', 64
CARELESS = 0.04  # probability per step that any key is pressed, for so many steps:
HELD = 4


class Outcome(NamedTuple):
    """Of some steps of all rows: how many episodes began, began at a kept state, failed and finished; and, of those that failed,
    the share of the track driven since they began, on average.
    """

    begun: int
    kept: int
    failed: int
    finished: int
    driven: float


def careless_pursuit(env: VectorEnv, seed: int) -> policies.Policy:
    """Pursuit, and now and then any key for a moment."""
    pursuit, any_key = policies.pursuit(env.server_spec), policies.random(env.server_spec, seed)
    generator = np.random.default_rng(seed)
    left, pressed = np.zeros(env.num_envs, np.int64), np.zeros(env.num_envs, np.int64)

    def act(observations: Any) -> Any:
        begins = (left == 0) & (generator.random(env.num_envs) < CARELESS)
        left[begins], pressed[begins] = HELD, any_key(observations)[begins]
        actions = np.where(left > 0, pressed, pursuit(observations))
        np.maximum(left - 1, 0, out=left)
        return actions

    return act


def drive(starts: str, start_share: float, num_steps: int, seed: int) -> Outcome:
    """Steps of each row, with episodes that begin as told."""
    with closing(VectorEnv(TRACK, ROWS, observation='compact', keep_every_m=20)) as env:
        place = env.observation_names.index('progress')  # share of the track
        act = careless_pursuit(env, seed)
        observations, _ = env.reset(seed=seed, options={'starts': starts, 'start_share': start_share})
        begun_at = observations[:, place].copy()
        begun = kept = finished = 0
        driven: list[float] = []  # of those that failed
        for _ in range(num_steps):
            observations, _, terminated, _, infos = env.step(act(observations))
            places = observations[:, place]
            begins = infos['ticks'] == 0  # the step after an end: its action counts for nothing
            begun_at[begins] = places[begins]
            begun += int(begins.sum())
            kept += int((infos['race_time'][begins] > 0).sum())
            finishes = infos['end_reason'] == EndReason.FINISH
            finished += int((terminated & finishes).sum())
            driven += (places - begun_at)[terminated & ~finishes].tolist()
    return Outcome(begun, kept, len(driven), finished, float(np.mean(driven)) if driven else 0.0)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--steps', type=int, default=1500, help='of each row')
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args()
    print(f'{ROWS} rows, {args.steps} steps of each on {TRACK}')
    print(f'{"episodes begin":>24}{"begun":>8}{"kept":>8}{"failed":>8}{"finished":>10}{"driven to a failure":>22}')
    failed = []
    for name, starts, start_share in (('at the start', 'start', 1.0), ('half before a failure', 'failures', 0.5)):
        outcome = drive(starts, start_share, args.steps, args.seed)
        failed.append(outcome.failed)
        print(f'{name:>24}{outcome.begun:>8}{outcome.kept:>8}{outcome.failed:>8}{outcome.finished:>10}'
              f'{f"{outcome.driven:.0%} of the track":>22}')
    if failed[0] == 0:
        print('nothing has failed yet: drive more steps')
    else:
        print(f'the same steps met {failed[1] / failed[0]:.1f} times as many failures')


if __name__ == '__main__':
    main()
