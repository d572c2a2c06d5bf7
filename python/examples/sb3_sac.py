"""Stable-Baselines3's SAC learns to drive with a wheel and pedals: steer and gas in [-1, 1].

    ./run examples sb3_sac --minutes 15

It learns from a replay buffer: fewer rows than PPO's, and more steps of the gradient for each step. Ctrl-C ends training early.
Then the policy drives ten episodes that begin with 0 to 20 ticks of no input.
"""

from __future__ import annotations

import argparse
import time
from contextlib import closing
from typing import Any

import numpy as np
import torch
from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecMonitor

from hotlap import EndReason, VectorEnv
from hotlap.sb3 import VecEnv

TRACK = 'short_sprint'
TASK: dict[str, Any] = {'observation': 'compact', 'action': 'continuous', 'ticks_per_step': 10}
PRINT_EVERY_S = 10.0
FIRST_SEED_OF_EVALUATION = 1_000_000  # training has smaller ones


class Watch(BaseCallback):
    """Prints how the latest episodes went, and ends the training when its time is over."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._began, self._seconds, self._printed_s = time.monotonic(), seconds, -PRINT_EVERY_S

    def _on_step(self) -> bool:
        seconds, episodes = time.monotonic() - self._began, self.model.ep_info_buffer
        if seconds - self._printed_s >= PRINT_EVERY_S and episodes:
            self._printed_s = seconds
            finished = np.mean([episode['end_reason'] == EndReason.FINISH for episode in episodes])
            print(f'{seconds:6.0f} s {self.num_timesteps:9} steps  finished {finished:4.0%}  '
                  f'mean return {np.mean([episode["r"] for episode in episodes]):6.2f}', flush=True)
        return seconds < self._seconds


def evaluate(model: SAC, seed: int) -> list[float]:
    """One episode each of ten rows, which do nothing for 0 to 2 steps at first. Returns the times in s of those that finished."""
    with closing(VectorEnv(TRACK, 10, **TASK)) as env:
        waits = np.random.default_rng(seed).integers(3, size=10)
        observations, _ = env.reset(seed=seed)
        is_running, step, times_s = np.ones(10, np.bool_), 0, []
        while is_running.any():
            actions, _ = model.predict(observations, deterministic=True)
            actions[step < waits] = 0
            observations, _, terminated, truncated, infos = env.step(actions)
            finished = is_running & terminated & (infos['end_reason'] == EndReason.FINISH)
            if finished.any():
                times_s += (infos['finish_time'][finished] / 1000).tolist()
            is_running &= ~(terminated | truncated)
            step += 1
    return times_s


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--minutes', type=float, default=15, help='of training, wall time')
    parser.add_argument('--steps', type=int, default=10**9, help='of training at most, of all rows together')
    parser.add_argument('--rows', type=int, default=64, help='cars at a time')
    parser.add_argument('--rollout', type=int, default=8, help='steps of each row between updates, under the same noise')
    parser.add_argument('--updates', type=int, default=32, help='steps of the gradient after each rollout')
    parser.add_argument('--batch', type=int, default=256, help='transitions in each')
    parser.add_argument('--learning-rate', type=float, default=1e-3)
    parser.add_argument('--threads', type=int, default=1, help='of PyTorch')
    args = parser.parse_args()
    print(*(f'--{name.replace("_", "-")} {value}' for name, value in vars(args).items()), flush=True)
    torch.set_num_threads(args.threads)

    env = VecMonitor(VecEnv(TRACK, args.rows, **TASK), info_keywords=('end_reason',))
    # Noise that changes at every step would push and brake in turns, and leave the car where it stands.
    model = SAC('MlpPolicy', env, buffer_size=300_000, learning_starts=100 * args.rows, train_freq=args.rollout,
                gradient_steps=args.updates, batch_size=args.batch, learning_rate=args.learning_rate, gamma=0.98,
                use_sde=True, use_sde_at_warmup=True, policy_kwargs={'net_arch': [64, 64]}, seed=args.seed, device='cpu')
    try:
        model.learn(args.steps, Watch(60 * args.minutes), log_interval=None)
    except KeyboardInterrupt:
        print('stopped')
    env.close()
    times_s = evaluate(model, FIRST_SEED_OF_EVALUATION + args.seed)
    print(f'after 0 to 20 ticks of no input: {len(times_s)} of 10 finished' +
          (f', the fastest in {min(times_s):.2f} s' if times_s else ''))


if __name__ == '__main__':
    main()
