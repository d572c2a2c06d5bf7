"""The examples, as a user starts them, with fewer steps; those with PyTorch where it is installed: `./run test --long`."""

import ast
import csv
import importlib.util
import signal
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT, outside_of_this_tree
from gymnasium.vector import AutoresetMode

EXAMPLES = ROOT / 'python/examples'
FEW = ('--rows', '16', '--rollout', '64')


@pytest.fixture
def torch():
    pytest.importorskip('stable_baselines3', reason='Stable-Baselines3 and PyTorch are not installed: ./run examples has them')
    return pytest.importorskip('torch')


def heed_interrupts():
    """What runs in the background ignores them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def begin(name, *arguments):
    command = [sys.executable, str(EXAMPLES / f'{name}.py'), *map(str, arguments)]
    return subprocess.Popen(command, env=outside_of_this_tree(), stdout=subprocess.PIPE, text=True, preexec_fn=heed_interrupts)


def lines_of(name, *arguments):
    """What it prints."""
    with begin(name, *arguments) as example:
        printed = example.stdout.read()
    assert example.returncode == 0
    return printed.splitlines()


@pytest.mark.parametrize('name', ['cleanrl_ppo', 'parallel_evaluation', 'sb3_ppo', 'sb3_sac', 'starts_from_failures'])
def test_each_example_says_how_it_is_run(name):
    assert f'./run examples {name}' in ast.get_docstring(ast.parse((EXAMPLES / f'{name}.py').read_text()))


def test_parallel_evaluation_gives_the_same_for_any_number_of_processes():
    one, many = (lines_of('parallel_evaluation', '--episodes', 6, '--processes', processes) for processes in (1, 3))
    assert one == many
    title, *reasons = one
    assert title.startswith('6 episodes')
    assert sum(int(line.split()[1]) for line in reasons) == 6


def test_starts_from_failures_meets_more_of_them():
    *_, at_start, before_failures, _ = lines_of('starts_from_failures', '--steps', 600)
    (_, kept, failed, _, driven), (_, more_kept, more_failed, _, less_driven) = (
        [int(word.rstrip('%')) for word in line.split() if word.rstrip('%').isdigit()] for line in (at_start, before_failures))
    assert kept == 0
    assert more_kept > 0
    assert more_failed > failed
    assert less_driven < driven


def assert_wrote(folder):
    with open(folder / 'curve.csv') as file:
        steps = [int(row['steps']) for row in csv.DictReader(file)]
    assert steps == sorted(steps)
    assert len(steps) > 0
    for name in ('curve.png', 'model.zip', 'normalisation.pkl'):
        assert (folder / name).stat().st_size > 0


@pytest.mark.usefixtures('torch')
def test_sb3_ppo_trains_evaluates_and_writes_what_it_learnt(tmp_path):
    first, *_, after_nothing, after_any_keys = lines_of('sb3_ppo', *FEW, '--batch', 512, '--steps', 4096, '--out', tmp_path)
    assert '--seed 1 --minutes 15' in first
    assert 'of 10 finished' in after_nothing
    assert 'of 100 finished' in after_any_keys
    assert_wrote(tmp_path)


@pytest.mark.usefixtures('torch')
def test_sb3_ppo_evaluates_and_writes_when_it_is_interrupted(tmp_path):
    with begin('sb3_ppo', *FEW, '--batch', 512, '--out', tmp_path) as example:
        while ' steps ' not in example.stdout.readline():
            assert example.poll() is None
        example.send_signal(signal.SIGINT)
        printed = example.stdout.read()
    assert example.returncode == 0
    assert 'stopped\n' in printed
    assert 'of 100 finished' in printed
    assert_wrote(tmp_path)


@pytest.mark.usefixtures('torch')
def test_sb3_sac_trains_and_evaluates():
    assert 'of 10 finished' in lines_of('sb3_sac', '--rows', 16, '--steps', 2000)[-1]


@pytest.mark.usefixtures('torch')
def test_cleanrl_ppo_trains():
    *_, last = lines_of('cleanrl_ppo', *FEW, '--steps', 4096)
    assert last.startswith('4096 steps, of the latest ')


@pytest.fixture
def cleanrl_ppo(torch):
    spec = importlib.util.spec_from_file_location('cleanrl_ppo', EXAMPLES / 'cleanrl_ppo.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_cleanrl_ppo_goes_on_where_an_episode_was_cut_alone(torch, cleanrl_ppo, make):
    env = make('oval', 3, max_episode_steps=2, autoreset_mode=AutoresetMode.SAME_STEP)
    env.reset(seed=1)
    agent = cleanrl_ppo.Agent(len(env.observation_names), len(env.action_names))

    def step():
        observations, rewards, _, truncated, infos = env.step(np.zeros(3, np.int64))
        return observations, rewards, truncated, infos, cleanrl_ppo.with_what_was_cut(rewards, truncated, infos, agent)

    _, rewards, truncated, _, given = step()
    assert not truncated.any()
    np.testing.assert_array_equal(given, rewards)
    observations, rewards, truncated, infos, given = step()
    assert truncated.all()
    with torch.no_grad():
        last, first = (agent.value(torch.from_numpy(seen)).numpy() for seen in (np.stack(infos['final_obs']), observations))
    np.testing.assert_allclose(given, rewards + cleanrl_ppo.GAMMA * last, rtol=1e-6)
    assert not np.allclose(last, first)


def test_cleanrl_ppo_estimates_advantages_within_episodes(torch, cleanrl_ppo):
    generator = np.random.default_rng(1)
    rewards, values = generator.normal(size=(2, 6, 2))
    ended = np.zeros((6, 2))
    ended[2, 0] = ended[5, 1] = 1
    next_value = generator.normal(size=2)
    given = cleanrl_ppo.advantages(*(torch.from_numpy(each) for each in (rewards, ended, values, next_value))).numpy()
    for row in range(2):
        for step in range(6):
            expected, weight = 0.0, 1.0
            for later in range(step, 6):
                following = 0 if ended[later, row] else next_value[row] if later == 5 else values[later + 1, row]
                expected += weight * (rewards[later, row] + cleanrl_ppo.GAMMA * following - values[later, row])
                weight *= cleanrl_ppo.GAMMA * cleanrl_ppo.LAMBDA
                if ended[later, row]:
                    break
            assert given[step, row] == pytest.approx(expected)
