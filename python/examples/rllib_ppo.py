"""RLlib's PPO on `short_sprint`: env runners wherever the Ray cluster has room, each driving on the server of its own node.

    ./run rllib --iterations 20

Runs on this machine alone, or on the cluster that RAY_ADDRESS names. RLlib needs PyTorch in full, so this example has a Python
environment of its own (requirements-rllib.txt) and a command of its own, and runs in no test.
"""

import argparse

import ray
from ray.rllib.algorithms.ppo import PPOConfig

import hotlap.ray


def main() -> None:
    """Trains, and prints a line per iteration."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('--iterations', type=int, default=20, help='of sampling and learning')
    parser.add_argument('--env-runners', type=int, default=2, help='actors that drive; each wants a CPU')
    parser.add_argument('--rows', type=int, default=64, help='cars of each, stepped by one message')
    parser.add_argument('--steps', type=int, default=128, help='of each row in an iteration')
    parser.add_argument('--seed', type=int, default=1)
    options = parser.parse_args()
    print(options, flush=True)

    ray.init(include_dashboard=False, log_to_driver=False)
    with hotlap.ray.Servers(threads=1) as servers:
        hotlap.ray.register(servers)
        batch = options.env_runners * options.rows * options.steps
        config = (
            PPOConfig()
            .environment('hotlap/ShortSprint-v0', env_config={'observation': 'compact', 'max_episode_steps': 600})
            .env_runners(num_env_runners=options.env_runners, num_envs_per_env_runner=options.rows,
                         rollout_fragment_length=options.steps, gym_env_vectorize_mode='vector_entry_point',
                         sample_timeout_s=600)  # what comes later is thrown away, and a machine may be busy
            .training(train_batch_size_per_learner=batch, minibatch_size=batch // 8, num_epochs=6, lr=1e-3, gamma=0.99,
                      lambda_=0.95, entropy_coeff=0.01)
            .rl_module(model_config={'fcnet_hiddens': [64, 64], 'fcnet_activation': 'tanh'})
            .fault_tolerance(restart_failed_env_runners=True, restart_failed_sub_environments=True)
            .debugging(seed=options.seed)
        )
        algorithm = config.build_algo()
        print('iteration    steps  episodes  mean return  mean length  seconds')
        for iteration in range(1, options.iterations + 1):
            result = algorithm.train()
            driven = result['env_runners']
            print(f'{iteration:9} {driven["num_env_steps_sampled_lifetime"]:8.0f} {driven["num_episodes"]:9.0f} '
                  f'{driven.get("episode_return_mean", float("nan")):12.2f} {driven.get("episode_len_mean", float("nan")):12.1f} '
                  f'{result["time_total_s"]:8.1f}', flush=True)
        algorithm.stop()


if __name__ == '__main__':
    main()
