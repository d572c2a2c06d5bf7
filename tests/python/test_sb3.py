"""Stable-Baselines3's vectors over ours."""

import numpy as np
import pytest
from conftest import maker
from gymnasium.vector import AutoresetMode

import hotlap

pytest.importorskip('stable_baselines3', reason='Stable-Baselines3 and PyTorch are not installed: the extra sb3')

import torch
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

from hotlap.sb3 import VecEnv


@pytest.fixture
def make_sb3(server):
    with maker(VecEnv, server) as make_one:
        yield make_one


def assert_same(ours, theirs):
    """Infos of Stable-Baselines3's own vectors have nothing that ours lack, and no other values."""
    for one, other in zip(ours, theirs, strict=True):
        assert set(one) == set(other)
        for name, value in other.items():
            np.testing.assert_array_equal(one[name], value, name)


@pytest.mark.parametrize(('action', 'limit'), [('keys', None), ('continuous', 30)])
def test_it_gives_what_dummy_vec_env_over_our_env_gives(server, make_sb3, action, limit):
    options = {'action': action, 'max_episode_steps': limit}
    ours = make_sb3('hairpins', 3, **options)
    theirs = DummyVecEnv([lambda: hotlap.Env('hairpins', server=server, **options)] * 3)
    for env in (ours, theirs):
        env.seed(7)
    np.testing.assert_array_equal(ours.reset(), theirs.reset())
    assert_same(ours.reset_infos, theirs.reset_infos)
    generator = np.random.default_rng(1)
    ends = 0
    while ends < 5:
        if action == 'keys':
            actions = generator.integers(3, size=3)  # accelerate, with left, with right
        else:
            actions = generator.uniform([-1, 0], [1, 1], (3, 2)).astype(np.float32)
        one, other = ours.step(actions), theirs.step(actions)
        for values, expected in zip(one[:3], other[:3], strict=True):
            np.testing.assert_array_equal(values, expected)
            assert values.dtype == expected.dtype
        assert_same(one[3], other[3])
        assert_same(ours.reset_infos, theirs.reset_infos)
        ends += one[2].sum()
        for row in np.flatnonzero(one[2]):
            assert one[3][row]['TimeLimit.truncated'] is (limit is not None)
    theirs.close()


def test_seeds_are_those_of_the_rows_and_of_one_reset(make_sb3, make):
    env = make_sb3('hairpins', 3, environment='randomised')
    rows = make('hairpins', 3, environment='randomised', autoreset_mode=AutoresetMode.SAME_STEP)
    assert env.seed(4) == [4, 5, 6]
    np.testing.assert_array_equal(env.reset(), rows.reset(seed=4)[0])
    for _ in range(20):
        np.testing.assert_array_equal(env.step(np.zeros(3, np.int64))[0], rows.step(np.zeros(3, np.int64))[0])
    np.testing.assert_array_equal(env.reset(), rows.reset()[0])
    np.testing.assert_array_equal(env.step(np.ones(3, np.int64))[0], rows.step(np.ones(3, np.int64))[0])


def test_options_are_those_of_the_next_reset(make_sb3):
    env = make_sb3('hairpins', 2)
    env.reset()
    for _ in range(10):
        env.step(np.zeros(2, np.int64))
    (ids, _) = env.env_method('save')
    env.set_options({'snapshot': ids})
    env.reset()
    assert [info['race_time'] for info in env.reset_infos] == [500, 500]
    env.reset()
    assert [info['race_time'] for info in env.reset_infos] == [0, 0]
    for wrong in ([{}, {}], {'reset_mask': np.array([True, False])}):
        with pytest.raises(ValueError, match='options'):
            env.set_options(wrong)


def test_methods_and_attributes_are_those_of_all_rows(make_sb3):
    env = make_sb3(['oval', 'loop'], 3)
    assert env.get_attr('track') == ['oval', 'loop', 'oval']
    assert env.get_attr('track', indices=1) == ['loop']
    assert env.env_is_wrapped(Monitor) == [False] * 3
    env.set_attr('spec', 'mine')
    assert env.get_attr('spec', indices=[0, 2]) == ['mine', 'mine']
    with pytest.raises(AttributeError):
        env.set_attr('colour', 'red')
    with pytest.raises(ValueError, match='all rows'):
        env.set_attr('spec', 'other', indices=0)
    with pytest.raises(ValueError, match='all rows'):
        env.env_method('save', indices=[0])


def test_its_images_are_the_rows_pictures(make_sb3):
    env = make_sb3(['oval', 'loop'], 4, render_mode='rgb_array')
    env.reset()
    assert [picture.shape for picture in env.get_images()] == [(480, 640, 3)] * 4
    assert env.render().shape == (960, 1280, 3)


@pytest.mark.parametrize(('algorithm', 'action'), [(PPO, 'keys'), (SAC, 'continuous')])
def test_its_algorithms_learn_on_ours(make_sb3, algorithm, action):
    torch.set_num_threads(1)
    env = VecMonitor(make_sb3('short_sprint', 4, action=action, max_episode_steps=20))
    sizes = {'n_steps': 16, 'batch_size': 64} if algorithm is PPO else {'learning_starts': 80, 'batch_size': 32}
    model = algorithm('MlpPolicy', env, seed=1, device='cpu', **sizes)
    model.learn(128)
    assert {episode['l'] for episode in model.ep_info_buffer} == {20}
    returns, lengths = evaluate_policy(model, env, n_eval_episodes=4, return_episode_rewards=True)
    assert lengths == [20] * 4
    assert np.isfinite(returns).all()
