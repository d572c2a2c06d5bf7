"""Stable-Baselines3's PPO learns to drive the easiest track, with keys.

    ./run examples sb3_ppo --out build/sb3_ppo

It trains for a quarter of an hour, or until Ctrl-C. Then the policy drives episodes whose first steps are not its own. Afterwards
the folder of --out has `curve.csv` and `curve.png` (how learning went), `model.zip` and `normalisation.pkl` (what was learnt) and
`lap.png` (the fastest lap from above).
"""

from __future__ import annotations

import argparse
import csv
import pathlib
import time
from contextlib import closing
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecMonitor, VecNormalize

from hotlap import EndReason, VectorEnv
from hotlap.sb3 import VecEnv

TRACK = 'short_sprint'
TASK: dict[str, Any] = {'observation': 'compact', 'action': 'keys', 'ticks_per_step': 10}
GAMMA = 0.99  # per step: what is 10 s away counts a third
PRINT_EVERY_S = 10.0
FIRST_SEED_OF_EVALUATION = 1_000_000  # training has smaller ones


class Clock:
    """The time that training may take; the learning rate falls with what is left of it."""

    def __init__(self, seconds: float, learning_rate: float) -> None:
        self._seconds, self._learning_rate, self._began = seconds, learning_rate, time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Since it was made."""
        return time.monotonic() - self._began

    @property
    def left(self) -> float:
        """The share of the time that is left, in [0, 1]."""
        return max(0.0, 1 - self.elapsed_s / self._seconds)

    def learning_rate(self, _: float) -> float:
        """As Stable-Baselines3 asks for it, with the share of the steps that are left."""
        return self._learning_rate * self.left


class Curve(BaseCallback):
    """Notes after every rollout how the latest episodes went, and ends the training when its time is over."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.rows: list[tuple[float, int, float, float]] = []  # seconds, steps, finish rate, mean return
        self._clock, self._printed_s = clock, -PRINT_EVERY_S

    def _on_step(self) -> bool:
        return self._clock.left > 0

    def _on_rollout_end(self) -> None:
        episodes = self.model.ep_info_buffer
        if not episodes:
            return
        finished = [episode['end_reason'] == EndReason.FINISH for episode in episodes]
        returns = [episode['r'] for episode in episodes]
        seconds = self._clock.elapsed_s
        self.rows.append((round(seconds, 2), self.num_timesteps, float(np.mean(finished)), float(np.mean(returns))))
        if seconds - self._printed_s >= PRINT_EVERY_S:
            self._printed_s = seconds
            print(f'{seconds:6.0f} s {self.num_timesteps:9} steps  finished {np.mean(finished):4.0%}  '
                  f'mean return {np.mean(returns):6.2f}', flush=True)

    def write(self, folder: pathlib.Path) -> None:
        """`curve.csv` and a picture of it."""
        with open(folder / 'curve.csv', 'w', newline='') as file:
            csv.writer(file).writerows([('seconds', 'steps', 'finish_rate', 'mean_return'), *self.rows])
        seconds, _, finish_rates, returns = np.array(self.rows).reshape(-1, 4).T
        figure = Figure(figsize=(7, 4), layout='constrained')
        left = figure.subplots()
        right = left.twinx()
        left.plot(seconds / 60, 100 * finish_rates, color='tab:blue')
        right.plot(seconds / 60, returns, color='tab:orange')
        left.set(title=f'PPO on {TRACK}', xlabel='minutes of training', ylim=(0, 102))
        left.set_ylabel('finished episodes, per cent', color='tab:blue')
        right.set_ylabel('mean return', color='tab:orange')
        left.grid(alpha=0.3)
        figure.savefig(folder / 'curve.png', dpi=100)


def evaluate(model: PPO, scales: VecNormalize, env: VectorEnv, seed: int, most_steps: int,
             key: str | None) -> tuple[Any, Any]:
    """One episode of each row, in which the policy does not have the wheel for the first 0 to `most_steps` steps.

    Args:
        seed: draws for how many, of each row.
        key: what is pressed until then; None: any keys, drawn anew for every step.

    Returns:
        Times in s of shape (n,), NaN where the episode did not end with the finish; and what the environment renders of the
        fastest one, None without one.
    """
    generator = np.random.default_rng(seed)
    n = env.num_envs
    waits = generator.integers(most_steps + 1, size=n)
    first = generator.integers(len(env.action_names), size=(most_steps, n))
    if key is not None:
        first[:] = env.action_names.index(key)
    times_s, lap = np.full(n, np.nan), None
    is_running = np.ones(n, np.bool_)
    observations, _ = env.reset(seed=seed)
    step = 0
    while is_running.any():
        actions, _ = model.predict(scales.normalize_obs(observations), deterministic=True)
        if step < most_steps:
            actions = np.where(step < waits, first[step], actions)
        observations, _, terminated, truncated, infos = env.step(actions)
        finished = is_running & terminated & (infos['end_reason'] == EndReason.FINISH)
        is_running &= ~(terminated | truncated)
        step += 1
        if finished.any():
            best_before_s = np.nanmin(times_s, initial=np.inf)
            times_s[finished] = infos['finish_time'][finished] / 1000
            if env.render_mode is not None and np.nanmin(times_s) < best_before_s:
                pictures = env.render()  # of the episodes that have just ended, too
                assert pictures is not None
                lap = pictures[np.nanargmin(times_s)]
    return times_s, lap


def told(times_s: Any) -> str:
    """How many finished and how fast, for people."""
    count = int(np.isfinite(times_s).sum())
    return f'{count} of {len(times_s)} finished' + (f', the fastest in {np.nanmin(times_s):.2f} s' if count else '')


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--minutes', type=float, default=15, help='of training, wall time')
    parser.add_argument('--steps', type=int, default=10**9, help='of training at most, of all rows together')
    parser.add_argument('--rows', type=int, default=512, help='cars at a time')
    parser.add_argument('--rollout', type=int, default=16, help='steps of each row between two updates')
    parser.add_argument('--batch', type=int, default=4096, help='of those, in one step of the gradient')
    parser.add_argument('--epochs', type=int, default=5, help='times that each of them is used')
    parser.add_argument('--learning-rate', type=float, default=2e-3, help='at the beginning; at the end it is zero')
    parser.add_argument('--threads', type=int, default=1, help='of PyTorch')
    parser.add_argument('--out', type=pathlib.Path, default=pathlib.Path('build/sb3_ppo'), help='folder for what it writes')
    args = parser.parse_args()
    print(*(f'--{name.replace("_", "-")} {value}' for name, value in vars(args).items()), flush=True)
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.threads)

    env = VecNormalize(VecMonitor(VecEnv(TRACK, args.rows, **TASK), info_keywords=('end_reason',)), gamma=GAMMA)
    clock = Clock(60 * args.minutes, args.learning_rate)
    curve = Curve(clock)
    model = PPO('MlpPolicy', env, n_steps=args.rollout, batch_size=args.batch, n_epochs=args.epochs,
                learning_rate=clock.learning_rate, gamma=GAMMA, ent_coef=0.005, policy_kwargs={'net_arch': [64, 64]},
                stats_window_size=args.rows, seed=args.seed, device='cpu')
    try:
        model.learn(args.steps, curve, log_interval=None)
    except KeyboardInterrupt:
        print('stopped')
    env.close()
    print(f'trained for {clock.elapsed_s:.0f} s, {model.num_timesteps} steps')
    curve.write(args.out)
    model.save(args.out / 'model.zip')
    env.save(str(args.out / 'normalisation.pkl'))

    seed = FIRST_SEED_OF_EVALUATION + args.seed
    with closing(VectorEnv(TRACK, 10, render_mode='track', **TASK)) as rows:
        times_s, lap = evaluate(model, env, rows, seed, most_steps=2, key='none')
    print('after 0 to 20 ticks of no input:', told(times_s))
    if lap is not None:
        Image.fromarray(lap).save(args.out / 'lap.png')
    with closing(VectorEnv(TRACK, 100, **TASK)) as rows:
        times_s, _ = evaluate(model, env, rows, seed, most_steps=20, key=None)
    print('after 0 to 200 ticks of any keys:', told(times_s))


if __name__ == '__main__':
    main()
