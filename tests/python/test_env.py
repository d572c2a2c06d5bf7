"""Env, the ids and the wrappers of Gymnasium over them."""

import pathlib
import warnings

import gymnasium as gym
import numpy as np
import pytest
from conftest import ROOT
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

import hotlap
from hotlap import Server
from hotlap.registration import EVERY_ID, GAME_ID, IDS


@pytest.fixture(scope='module')
def games():
    """A server with games behind mapped buffers, as the real one is."""
    with Server(simulated=8, games=2) as running:
        yield running


def options_of(name, server, games):
    return {'server': games if name == GAME_ID else server, **({'track': 'short_sprint'} if name == GAME_ID else {})}


def test_every_built_in_track_has_an_id():
    tracks = {file.stem for file in pathlib.Path(ROOT / 'configs/tracks').glob('*.yaml')}
    assert set(IDS) == tracks
    for name in EVERY_ID:
        spec = gym.spec(name)
        assert spec.max_episode_steps is None
        assert spec.nondeterministic is (name == GAME_ID)


@pytest.mark.parametrize('name', EVERY_ID)
def test_gymnasiums_checker_finds_nothing(name, server, games):
    env = gym.make(name, **options_of(name, server, games))
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        check_env(env.unwrapped)
    env.close()


@pytest.mark.parametrize('name', EVERY_ID)
def test_every_id_makes_a_vector_of_its_own_kind(name, server, games):
    env = gym.make_vec(name, num_envs=2, **options_of(name, server, games))
    assert isinstance(env.unwrapped, hotlap.VectorEnv)
    env.reset(seed=1)
    assert env.step(env.action_space.sample())[1].shape == (2,)
    env.close()


def test_generated_tracks_are_those_of_their_seeds(server, games):
    rows = gym.make_vec('hotlap/Generated-v0', num_envs=4, track_seed=5, num_tracks=2, difficulty=0.25, server=server)
    assert rows.unwrapped.tracks == ('generated:5:0.25', 'generated:6:0.25') * 2
    many, _ = rows.reset(seed=1)
    assert not np.array_equal(many[0], many[1])
    np.testing.assert_array_equal(many[0], many[2])
    one = gym.make('hotlap/Generated-v0', track_seed=6, difficulty=0.25, server=server)
    np.testing.assert_array_equal(one.reset(seed=1)[0], many[1])
    for env in (rows, one):
        env.close()
    with pytest.raises(hotlap.errors.UnknownName, match='generated:<seed>'):
        gym.make('hotlap/Generated-v0', difficulty=2, server=server).reset()
    with pytest.raises(hotlap.errors.BadArgument, match='behind mapped buffers'):
        gym.make('hotlap/Generated-v0', kind='tminterface', server=games).reset()


def test_games_want_a_server():
    for make in (gym.make, gym.make_vec):
        with pytest.raises(ValueError, match='server='):
            make(GAME_ID)


def test_no_server_is_needed():
    env = gym.make('hotlap/HairpinRun-v0', action='continuous', ticks_per_step=10)
    env.reset(seed=1)
    assert env.step(np.array([0, 1], np.float32))[4]['ticks'] == 10
    env.close()


def test_an_env_is_a_row_of_a_vector(server, make):
    env = hotlap.Env('hairpins', server=server)
    rows = make('hairpins', 2)
    one, infos = env.reset(seed=4)
    many, _ = rows.reset(seed=4)
    assert infos['race_time'] == 0
    assert 'episode_length' not in infos
    np.testing.assert_array_equal(one, many[0])
    while True:
        observation, reward, terminated, truncated, infos = env.step(0)
        expected = rows.step([0, 0])
        np.testing.assert_array_equal(observation, expected[0][0])
        assert (type(reward), reward) == (float, expected[1][0])
        assert (type(terminated), terminated, truncated) == (bool, expected[2][0], expected[3][0])
        if terminated or truncated:
            break
    assert infos['episode_length'] > 0
    assert infos['end_reason'] == hotlap.EndReason.FALL
    with pytest.raises(ResetNeeded):
        env.step(0)
    env.close()


def test_an_env_saves_restores_and_begins_at_its_states(server):
    env = hotlap.Env('hairpins', server=server)
    env.reset(seed=1)
    for _ in range(10):
        env.step(0)
    state = env.save()
    future = [env.step(1)[0] for _ in range(5)]
    _, infos = env.restore(state)
    assert infos['race_time'] == 500
    for expected in future:
        np.testing.assert_array_equal(env.step(1)[0], expected)
    moved = env.import_snapshot(env.export_snapshot(state))
    env.drop(state)
    _, infos = env.reset(options={'snapshot': moved})
    assert infos['race_time'] == 500
    env.close()


def test_the_limit_of_steps_is_cut_once(server):
    for env in (gym.make('hotlap/Oval-v0', max_episode_steps=7, server=server),
                hotlap.Env('oval', max_episode_steps=7, server=server)):
        env.reset(seed=1)
        assert [env.step(0)[3] for _ in range(7)] == [False] * 6 + [True]
        env.close()
    rows = gym.make_vec('hotlap/Oval-v0', num_envs=2, max_episode_steps=7, server=server)
    rows.reset(seed=1)
    assert [rows.step([0, 0])[3].all() for _ in range(7)] == [False] * 6 + [True]
    rows.close()


# Wrappers of Gymnasium


def stepped_to_an_end(env):
    """Which of its four rows have ended in the step that ended the first, and its infos."""
    while True:
        _, _, terminated, truncated, infos = env.step(np.zeros(4, np.int64))
        if (terminated | truncated).any():
            return terminated | truncated, infos


@pytest.mark.parametrize('mode', [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_record_episode_statistics_agrees_with_the_servers_own(make, mode):
    env = gym.wrappers.vector.RecordEpisodeStatistics(make('hairpins', 4, autoreset_mode=mode))
    env.reset(seed=1)
    ended, infos = stepped_to_an_end(env)
    own = infos['final_info'] if mode is AutoresetMode.SAME_STEP else infos
    told = own if 'episode' in own else infos
    np.testing.assert_array_equal(told['episode']['l'][ended], own['episode_length'][ended])
    np.testing.assert_allclose(told['episode']['r'][ended], own['episode_return'][ended], rtol=1e-4)


def test_normalise_observation_takes_our_arrays(make):
    env = gym.wrappers.vector.NormalizeObservation(make('hairpins', 4))
    env.reset(seed=1)
    for _ in range(100):
        observations = env.step(env.action_space.sample())[0]
    assert np.isfinite(observations).all()
    assert observations.shape == (4, 195)


def test_dict_info_to_list_gives_each_row_what_it_has(make):
    env = gym.wrappers.vector.DictInfoToList(make('hairpins', 4, autoreset_mode=AutoresetMode.SAME_STEP))
    env.reset(seed=1)
    ended, infos = stepped_to_an_end(env)
    for row in range(4):
        assert infos[row]['valid'] == 1
        assert ('final_obs' in infos[row]) == ended[row]
        if ended[row]:
            assert infos[row]['final_info']['episode_length'] > 0


def test_time_limit_and_statistics_wrap_an_env(server):
    env = gym.wrappers.RecordEpisodeStatistics(gym.wrappers.TimeLimit(hotlap.Env('oval', server=server), 5))
    env.reset(seed=1)
    for _ in range(5):
        _, _, _, truncated, infos = env.step(0)
    assert truncated
    assert infos['episode']['l'] == 5


@pytest.mark.parametrize('context', ['fork', 'spawn'])
def test_async_vector_env_runs_ours_in_processes_of_their_own(server, make, context):
    endpoint = server.endpoint
    env = gym.vector.AsyncVectorEnv([lambda: hotlap.Env('oval', server=endpoint)] * 2, context=context)
    direct = make('oval', 2)
    np.testing.assert_array_equal(env.reset(seed=3)[0], direct.reset(seed=3)[0])
    for _ in range(20):
        ours, theirs = direct.step([0, 0]), env.step(np.array([0, 0]))
        np.testing.assert_array_equal(theirs[0], ours[0])
        np.testing.assert_array_equal(theirs[1], ours[1])
        np.testing.assert_array_equal(theirs[4]['race_time'], ours[4]['race_time'])
    env.close()


def test_sync_vector_env_and_ours_agree_in_every_mode(server, make):
    for mode in AutoresetMode:
        env = gym.vector.SyncVectorEnv([lambda: hotlap.Env('hairpins', server=server)] * 2, autoreset_mode=mode)
        ours = make('hairpins', 2, autoreset_mode=mode)
        np.testing.assert_array_equal(env.reset(seed=3)[0], ours.reset(seed=3)[0])
        ends = 0
        while ends < 2:
            one, other = ours.step([0, 0]), env.step(np.array([0, 0]))
            for values, expected in zip(one[:4], other[:4], strict=True):
                np.testing.assert_array_equal(values, expected)
            ended = one[2] | one[3]
            ends += ended.any()
            if 'final_obs' in other[4]:
                assert set(one[4]['final_info']) == set(other[4]['final_info'])
                for name, column in other[4]['final_info'].items():
                    np.testing.assert_array_equal(one[4]['final_info'][name], column, name)
            if ended.any() and mode is AutoresetMode.DISABLED:
                again = [some.reset(options={'reset_mask': ended.copy()})[0] for some in (ours, env)]
                np.testing.assert_array_equal(*again)
        env.close()
