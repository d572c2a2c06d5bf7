"""Drivers as plain callables."""

import numpy as np
import pytest

from hotlap import EndReason, policies


def test_random_actions_are_of_the_space_and_of_the_seed(make):
    for action in ('keys', 'continuous'):
        env = make('oval', 64, action=action)
        observations, _ = env.reset(seed=1)
        one, same, other = (policies.random(env.server_spec, seed) for seed in (1, 1, 2))
        actions = one(observations)
        assert env.action_space.contains(actions.astype(env.action_space.dtype))
        np.testing.assert_array_equal(actions, same(observations))
        assert not np.array_equal(actions, other(observations))


@pytest.mark.parametrize('action', ['keys', 'continuous'])
@pytest.mark.parametrize('track', ['short_sprint', 'oval', 'hairpins', 's_curves', 'hockolicious'])
def test_pursuit_finishes(make, track, action):
    env = make(track, 1, action=action)
    observations, _ = env.reset(seed=1)
    drive = policies.pursuit(env.server_spec)
    for _ in range(6000):
        observations, _, terminated, truncated, infos = env.step(drive(observations))
        if (terminated | truncated).any():
            break
    assert infos['end_reason'].tolist() == [EndReason.FINISH]


def test_pursuit_acts_on_each_row_by_itself(make):
    env = make('hairpins', 8)
    env.reset(seed=1)
    generator = np.random.default_rng(1)
    for _ in range(30):
        observations = env.step(generator.integers(12, size=8))[0]
    drive = policies.pursuit(env.server_spec)
    np.testing.assert_array_equal(drive(observations), np.concatenate([drive(row[np.newaxis]) for row in observations]))


def test_pursuit_names_the_column_that_it_lacks(make):
    env = make('oval', observation=['gear', 'ahead'])
    with pytest.raises(ValueError, match=r'velocity\.x'):
        policies.pursuit(env.server_spec)
