"""PPO in a single file, in the style of CleanRL: no library between the algorithm and the environment but PyTorch.

    ./run examples cleanrl_ppo --minutes 5

`AutoresetMode.SAME_STEP` is the mode for it: the step that ends an episode gives the first observation of the next one, so every
row of a rollout is a step of the policy, and `final_obs` is what the ended episode saw last. Where an episode was cut (truncated)
the value of that is added to the reward; where it ended (terminated) nothing follows.
"""

from __future__ import annotations

import argparse
import time
from collections import deque
from contextlib import closing
from typing import Any

import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from torch import nn
from torch.distributions import Categorical

from hotlap import EndReason, VectorEnv
from hotlap.vector_env import Infos

GAMMA, LAMBDA, CLIP = 0.99, 0.95, 0.2
ENTROPY_WEIGHT, VALUE_WEIGHT, LONGEST_GRADIENT = 0.005, 0.5, 0.5
PRINT_EVERY_S = 10.0


class Agent(nn.Module):
    """What to do and what it is worth, each by a network of its own."""

    def __init__(self, num_columns: int, num_actions: int) -> None:
        super().__init__()
        self.actor, self.critic = (
            nn.Sequential(nn.Linear(num_columns, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, size))
            for size in (num_actions, 1))
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.orthogonal_(module.weight, 2**0.5)
                nn.init.zeros_(module.bias)
        nn.init.orthogonal_(self.actor[-1].weight, 0.01)

    def value(self, observations: torch.Tensor) -> torch.Tensor:
        """Of shape (n,)."""
        return self.critic(observations).squeeze(-1)

    def policy(self, observations: torch.Tensor) -> Categorical:
        """A distribution of keys for each of n rows."""
        return Categorical(logits=self.actor(observations))


def with_what_was_cut(rewards: Any, truncated: Any, infos: Infos, agent: Agent) -> Any:
    """Rewards of shape (n,); those of episodes that were cut have the value of what the episode saw last added."""
    if not truncated.any():
        return rewards
    last = torch.from_numpy(np.stack(infos['final_obs'][truncated].tolist()))
    rewards = rewards.copy()
    with torch.no_grad():
        rewards[truncated] += GAMMA * agent.value(last).numpy()
    return rewards


def advantages(rewards: torch.Tensor, ended: torch.Tensor, values: torch.Tensor, next_value: torch.Tensor) -> torch.Tensor:
    """By GAE, of shape (steps, n) as the first three; `ended` is 1 where an episode ended in the step, `next_value` is (n,)."""
    result, latest = torch.zeros_like(rewards), torch.zeros_like(next_value)
    for step in reversed(range(len(rewards))):
        goes_on = 1 - ended[step]
        error = rewards[step] + GAMMA * goes_on * next_value - values[step]
        result[step] = latest = error + GAMMA * LAMBDA * goes_on * latest
        next_value = values[step]
    return result


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--minutes', type=float, default=5, help='of training, wall time')
    parser.add_argument('--steps', type=int, default=10**9, help='of training at most, of all rows together')
    parser.add_argument('--track', default='short_sprint')
    parser.add_argument('--rows', type=int, default=512, help='cars at a time')
    parser.add_argument('--rollout', type=int, default=16, help='steps of each row between two updates')
    parser.add_argument('--minibatches', type=int, default=2, help='into which those are split')
    parser.add_argument('--epochs', type=int, default=5, help='times that each of them is used')
    parser.add_argument('--learning-rate', type=float, default=2e-3)
    parser.add_argument('--threads', type=int, default=1, help='of PyTorch')
    args = parser.parse_args()
    print(*(f'--{name.replace("_", "-")} {value}' for name, value in vars(args).items()), flush=True)
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    with closing(VectorEnv(args.track, args.rows, observation='compact', ticks_per_step=10, max_episode_steps=600,
                           autoreset_mode=AutoresetMode.SAME_STEP)) as env:
        train(env, args)


def train(env: VectorEnv, args: argparse.Namespace) -> Agent:
    """Rollouts and updates until the steps or the time are over."""
    num_columns = len(env.observation_names)
    agent = Agent(num_columns, len(env.action_names))
    optimizer = torch.optim.Adam(agent.parameters(), args.learning_rate, eps=1e-5)
    shape = args.rollout, args.rows
    observations = torch.zeros((*shape, num_columns))
    actions = torch.zeros(shape, dtype=torch.int64)
    log_probs, rewards, ended, values = (torch.zeros(shape) for _ in range(4))
    finished: deque[bool] = deque(maxlen=args.rows)  # of the latest episodes
    began, printed_s, num_steps = time.monotonic(), -PRINT_EVERY_S, 0
    shown, _ = env.reset(seed=args.seed)
    observation = torch.from_numpy(shown)

    while num_steps < args.steps and (seconds := time.monotonic() - began) < 60 * args.minutes:
        for step in range(args.rollout):
            with torch.no_grad():
                policy = agent.policy(observation)
                action = policy.sample()
                observations[step], actions[step] = observation, action
                log_probs[step], values[step] = policy.log_prob(action), agent.value(observation)
            shown, reward, terminated, truncated, infos = env.step(action.numpy())
            if (terminated | truncated).any():
                finished.extend(infos['final_info']['end_reason'][terminated | truncated] == EndReason.FINISH)
            rewards[step] = torch.from_numpy(with_what_was_cut(reward, truncated, infos, agent))
            ended[step] = torch.from_numpy(terminated | truncated)
            observation = torch.from_numpy(shown)
            num_steps += args.rows
        with torch.no_grad():
            advantage = advantages(rewards, ended, values, agent.value(observation))
        update(agent, optimizer, args, observations.flatten(0, 1), actions.flatten(), log_probs.flatten(),
               advantage.flatten(), (advantage + values).flatten())
        if finished and seconds - printed_s >= PRINT_EVERY_S:
            printed_s = seconds
            print(f'{seconds:6.0f} s {num_steps:9} steps  finished {np.mean(finished):4.0%}', flush=True)
    print(f'{num_steps} steps, of the latest {len(finished)} episodes {sum(finished)} finished')
    return agent


def update(agent: Agent, optimizer: torch.optim.Optimizer, args: argparse.Namespace, observations: torch.Tensor,
           actions: torch.Tensor, log_probs: torch.Tensor, advantage: torch.Tensor, returns: torch.Tensor) -> None:
    """PPO's clipped objective over a rollout, of shape (steps * n, ...), in minibatches."""
    for _ in range(args.epochs):
        for places in torch.randperm(len(actions)).chunk(args.minibatches):
            policy = agent.policy(observations[places])
            ratio = (policy.log_prob(actions[places]) - log_probs[places]).exp()
            gain = advantage[places]
            gain = (gain - gain.mean()) / (gain.std() + 1e-8)
            policy_loss = -torch.min(gain * ratio, gain * ratio.clamp(1 - CLIP, 1 + CLIP)).mean()
            value_loss = nn.functional.mse_loss(agent.value(observations[places]), returns[places])
            loss = policy_loss + VALUE_WEIGHT * value_loss - ENTROPY_WEIGHT * policy.entropy().mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), LONGEST_GRADIENT)
            optimizer.step()


if __name__ == '__main__':
    main()
