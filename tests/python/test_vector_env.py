"""VectorEnv, as Gymnasium has it and beyond."""

import os
import pickle
import signal
import tempfile

import numpy as np
import pytest
from conftest import ROOT, wait_until
from gymnasium.error import AlreadyPendingCallError, ResetNeeded
from gymnasium.vector import AutoresetMode

import hotlap
from hotlap import Backoff, Client, RowsRefused, Server, VectorEnv, errors

MODES = list(AutoresetMode)
KEYS = np.array([0, 1, 2, 0])  # accelerate, with left, with right


def driven(env, steps, action=0):
    for _ in range(steps):
        result = env.step(np.full(env.num_envs, action))
    return result


def until_an_end(env, most=3000):
    """Drives full throttle, which leaves every road, until a step in which a row ends."""
    for _ in range(most):
        result = env.step(np.zeros(env.num_envs, np.int64))
        if (result[2] | result[3]).any():
            return result
    raise AssertionError('nothing ended')


def test_spaces_have_the_names_and_bounds_of_the_spec(make):
    env = make('hairpins', 3)
    assert env.single_observation_space.shape == (195,)
    assert env.observation_space.shape == (3, 195)
    assert env.single_action_space.n == 12
    assert env.observation_names[2] == 'velocity.z'
    assert env.action_names[0] == 'accelerate'
    np.testing.assert_array_equal(env.single_observation_space.high, env.server_spec.observation_high)
    continuous = make('hairpins', 3, action='continuous')
    assert continuous.action_names == ('steer', 'gas')
    assert continuous.single_action_space.shape == (2,)


def test_nothing_is_leased_before_the_first_reset(server, make):
    envs = [make('oval', 200) for _ in range(3)]  # of 256 games
    with pytest.raises(ResetNeeded):
        envs[0].step(np.zeros(200))
    envs[0].reset()
    with pytest.raises(errors.ServerFull):
        envs[1].reset()
    envs[0].close()
    with Client(server.endpoint) as client:
        client.attach('default', 200, ['oval'], wait_s=60, timeout_s=60)
        client.detach()
    envs[1].reset()


@pytest.mark.parametrize('mode', MODES)
def test_steps_have_gymnasiums_shapes_and_types(make, mode):
    env = make(['oval', 'loop'], 4, autoreset_mode=mode)
    assert env.metadata['autoreset_mode'] is mode
    assert VectorEnv.metadata['autoreset_mode'] is AutoresetMode.NEXT_STEP
    observations, infos = env.reset(seed=5)
    assert observations in env.observation_space
    assert infos['race_time'].tolist() == [0] * 4
    assert infos['_race_time'].all()
    assert 'episode_length' not in infos  # nobody has it yet
    observations, rewards, terminated, truncated, infos = env.step(KEYS)
    assert observations in env.observation_space
    assert (rewards.dtype, terminated.dtype, truncated.dtype) == (np.float64, np.bool_, np.bool_)
    assert infos['ticks'].tolist() == [5] * 4


def test_next_step_resets_in_the_step_after_an_end(make):
    env = make('hairpins', 4)
    env.reset(seed=1)
    _, _, terminated, truncated, infos = until_an_end(env)
    ended = terminated | truncated
    np.testing.assert_array_equal(infos['_episode_length'], ended)
    assert (infos['episode_length'][ended] > 0).all()
    _, rewards, terminated, truncated, infos = env.step(KEYS)
    assert (rewards[ended] == 0).all()
    assert not (terminated | truncated)[ended].any()
    assert (infos['race_time'][ended] == 0).all()


def test_same_step_has_the_last_observation_and_info_beside_the_next(make):
    env, plain = make('hairpins', 4, autoreset_mode=AutoresetMode.SAME_STEP), make('hairpins', 4)
    env.reset(seed=1)
    plain.reset(seed=1)
    while True:
        _, rewards, terminated, truncated, infos = env.step(KEYS)
        expected = plain.step(KEYS)
        np.testing.assert_array_equal(rewards, expected[1])
        ended = terminated | truncated
        if ended.any():
            break
    np.testing.assert_array_equal(infos['_final_obs'], ended)
    np.testing.assert_array_equal(infos['_final_info'], ended)
    for row in range(4):
        if ended[row]:
            np.testing.assert_array_equal(infos['final_obs'][row], expected[0][row])
            assert infos['final_info']['episode_length'][row] == expected[4]['episode_length'][row]
            assert infos['race_time'][row] == 0
        else:
            assert infos['final_obs'][row] is None
    np.testing.assert_array_equal(infos['final_info']['_episode_length'], ended)
    assert 'episode_length' not in infos  # nobody has it yet


def test_disabled_steps_no_ended_row_and_resets_by_a_mask(make):
    env = make('hairpins', 4, autoreset_mode=AutoresetMode.DISABLED)
    env.reset(seed=1)
    before, _, terminated, truncated, infos = until_an_end(env)
    mask = terminated | truncated
    sent = env.client.last_id
    with pytest.raises(ResetNeeded, match='reset them by a mask'):
        env.step(KEYS)
    with pytest.raises(ResetNeeded):
        env.send(KEYS)
    assert env.client.last_id == sent
    shown = before.copy()
    before[:] = 0  # the caller's own
    after, reset_infos = env.reset(options={'reset_mask': mask})
    np.testing.assert_array_equal(after[~mask], shown[~mask])
    np.testing.assert_array_equal(reset_infos['_race_time'], mask)
    assert (reset_infos['race_time'][mask] == 0).all()
    result = env.step(KEYS)
    np.testing.assert_array_equal(result[4]['race_time'][~mask], infos['race_time'][~mask] + 50)


@pytest.mark.parametrize('mask', [[True] * 4, np.ones(4), np.ones(3, bool), np.zeros(4, bool)])
def test_a_mask_is_an_array_of_bool_of_all_rows_with_one_at_least(make, mask):
    env = make('oval', 4)
    env.reset()
    with pytest.raises((TypeError, ValueError), match='mask'):
        env.reset(options={'reset_mask': mask})


def test_options_that_there_are_not_are_named(make):
    with pytest.raises(ValueError, match='speed'):
        make('oval').reset(options={'speed': 3})


def test_seeds_fix_the_trajectory_and_none_goes_on(make):
    env, other = (make('hairpins', 3, environment='randomised') for _ in range(2))
    first, _ = env.reset(seed=[7, 8, 9])
    same, _ = other.reset(seed=7)
    np.testing.assert_array_equal(first, same)
    for _ in range(20):
        np.testing.assert_array_equal(env.step(KEYS[:3])[0], other.step(KEYS[:3])[0])
    np.testing.assert_array_equal(env.reset()[0], other.reset()[0])
    np.testing.assert_array_equal(driven(env, 20)[0], driven(other, 20)[0])
    env.reset(seed=[7, None, 9])
    again = driven(env, 20)[0]
    other.reset(seed=7)
    np.testing.assert_array_equal(again[[0, 2]], driven(other, 20)[0][[0, 2]])
    for wrong in ([1, 2], -1, [1, -2, 3]):
        with pytest.raises(ValueError, match='seed'):
            env.reset(seed=wrong)


def test_without_a_seed_rows_differ_from_run_to_run(make):
    env, other = (make('hairpins', 2, environment='randomised') for _ in range(2))
    env.reset()
    other.reset()
    assert not np.array_equal(driven(env, 20)[0], driven(other, 20)[0])


@pytest.mark.parametrize('copy', [True, False])
def test_arrays_are_fresh_or_reused_as_asked(make, copy):
    env = make('oval', 4, copy=copy)
    first, _ = env.reset(seed=1)
    kept = first.copy()
    second = env.step(KEYS)
    third = env.step(KEYS)
    assert (first is second[0]) is (not copy)
    for one, other in zip(second[:4], third[:4], strict=True):
        assert np.shares_memory(one, other) is (not copy)
    assert np.array_equal(first, kept) is copy


def test_reused_arrays_hold_what_fresh_ones_do(make):
    env, other = make('hairpins', 4, copy=False), make('hairpins', 4)
    np.testing.assert_array_equal(env.reset(seed=1)[0], other.reset(seed=1)[0])
    for _ in range(100):
        for one, fresh in zip(env.step(KEYS)[:4], other.step(KEYS)[:4], strict=True):
            np.testing.assert_array_equal(one, fresh)


def test_async_and_wait_are_the_halves_of_a_step(make):
    env, other = make('hairpins', 4), make('hairpins', 4)
    env.reset(seed=1)
    other.reset(seed=1)
    for _ in range(20):
        env.step_async(KEYS)
        with pytest.raises(AlreadyPendingCallError):
            env.step(KEYS)
        np.testing.assert_array_equal(env.step_wait()[0], other.step(KEYS)[0])


@pytest.mark.parametrize('mode', MODES)
def test_parts_in_flight_give_what_whole_steps_give(make, mode):
    env, other = make('hairpins', 4, autoreset_mode=mode), make('hairpins', 4, autoreset_mode=mode)
    env.reset(seed=1)
    other.reset(seed=1)
    halves = np.array([0, 1]), np.array([2, 3])
    for half in halves:
        env.send(KEYS[half], rows=half)
    while not (whole := other.step(KEYS))[2].any():
        for half in halves:
            part = env.recv()
            assert part[4]['row'].tolist() == half.tolist()
            for values, of_all in zip(part[:4], whole[:4], strict=True):
                np.testing.assert_array_equal(values, of_all[half])
            np.testing.assert_array_equal(part[4]['race_time'], whole[4]['race_time'][half])
            env.send(KEYS[half], rows=half)


def test_rows_come_as_they_are_done_in_batches(make):
    env = make('oval', 4, batch_size=3)
    env.reset(seed=1)
    env.send(KEYS)
    first, rest = env.recv(), env.recv()
    assert sorted([*first[4]['row'], *rest[4]['row']]) == [0, 1, 2, 3]
    assert len(first[1]) == 3
    assert first[4]['race_time'].tolist() == [50] * 3


def test_actions_outside_the_space_are_refused_by_row(make):
    env = make('oval', 4)
    env.reset(seed=1)
    with pytest.raises(RowsRefused, match='1 bad_action') as refusal:
        env.step([0, 12, 0, 0])
    assert refusal.value.status == (0, 2, 0, 0)
    assert env.step(KEYS)[4]['race_time'].tolist() == [100, 50, 100, 100]


@pytest.mark.parametrize('copy', [True, False])
@pytest.mark.parametrize('mode', MODES)
def test_what_the_other_rows_gave_is_not_lost_with_a_refused_one(make, mode, copy):
    env, other = make('oval', 4, autoreset_mode=mode, copy=copy), make('oval', 4)
    env.reset(seed=1)
    other.reset(seed=1)
    before = driven(env, 20)[0].copy()
    driven(other, 20)
    expected = other.step([0, 0, 1, 2])
    with pytest.raises(RowsRefused) as refusal:
        env.step([0, 12, 1, 2])
    result = pickle.loads(pickle.dumps(refusal.value)).result
    for values, whole in zip(result[:4], expected[:4], strict=True):
        np.testing.assert_array_equal(values[[0, 2, 3]], whole[[0, 2, 3]])
    np.testing.assert_array_equal(result[0][1], before[1])
    assert (result[1][1], result[2][1], result[3][1]) == (0, False, False)
    assert result[4]['_race_time'].tolist() == [True, False, True, True]
    assert result[4]['race_time'][[0, 2, 3]].tolist() == [1050] * 3
    assert env.step([0, 0, 0, 0])[4]['race_time'].tolist() == [1100, 1050, 1100, 1100]


def test_parts_in_flight_lose_nothing_with_a_refused_row(make):
    env, other = make('oval', 4), make('oval', 4)
    env.reset(seed=1)
    before = other.reset(seed=1)[0]
    env.send([0, 12], rows=[1, 3])
    env.send([0, 0], rows=[0, 2])
    with pytest.raises(RowsRefused, match='3 bad_action') as refusal:
        env.recv()
    observations, _, _, _, infos = refusal.value.result
    after = other.step([0, 0, 0, 0])[0]
    np.testing.assert_array_equal(observations, [after[1], before[3]])
    assert (infos['row'].tolist(), infos['_race_time'].tolist()) == ([1, 3], [True, False])
    np.testing.assert_array_equal(env.recv()[0], after[[0, 2]])


def test_rows_that_were_restored_beside_a_refused_one_go_on(make):
    env = make(['oval', 'loop'], 2, autoreset_mode=AutoresetMode.DISABLED)
    env.reset(seed=1)
    saved = env.save()
    first = driven(env, 5)[0]
    until_an_end(env)
    with pytest.raises(RowsRefused, match='1 bad_snapshot') as refusal:
        env.restore(saved[0])  # of another track
    _, infos = refusal.value.result
    assert infos['_race_time'].tolist() == [True, False]
    env.send([0], rows=[0])
    for _ in range(4):
        env.recv()
        env.send([0], rows=[0])
    np.testing.assert_array_equal(env.recv()[0][0], first[0])


def test_states_are_saved_restored_branched_and_moved(make):
    env = make('hairpins', 4)
    env.reset(seed=1)
    driven(env, 20)
    env.step(KEYS)
    ids = env.save(np.array([True, True, False, False]))
    assert (ids > 0).tolist() == [True, True, False, False]
    future = [env.step(KEYS) for _ in range(10)]
    observations, infos = env.restore(ids)
    np.testing.assert_array_equal(observations[2:], future[-1][0][2:])
    assert infos['_race_time'].tolist() == [True, True, False, False]
    for expected in future:
        np.testing.assert_array_equal(env.step(KEYS)[0][:2], expected[0][:2])

    states = env.export_snapshot(ids[:2])
    other = make('hairpins', 4)
    other.reset(seed=9)
    (one, _) = other.import_snapshot(states)
    other.restore(one)
    for expected in future:
        np.testing.assert_array_equal(other.step(np.full(4, KEYS[0]))[0][0], expected[0][0])
    with pytest.raises(errors.PermissionDenied):
        other.restore(ids)

    env.drop(ids)
    with pytest.raises(errors.InvalidId):
        env.restore(ids)
    observations, _ = env.branch(1, np.array([True, True, True, False]))
    assert len({row.tobytes() for row in observations[:3]}) == 1


def test_episodes_begin_at_saved_states(make):
    env = make('hairpins', 2, autoreset_mode=AutoresetMode.DISABLED)
    env.reset(seed=1)
    driven(env, 20)
    ids = env.save()
    _, infos = env.reset(options={'snapshot': [ids[0], 0]})
    assert infos['race_time'].tolist() == [1000, 0]
    _, infos = env.reset(options={'snapshot': ids[1], 'reset_mask': np.array([False, True])})
    assert infos['race_time'][1] == 1000
    assert infos['_race_time'].tolist() == [False, True]
    stranger = make('oval', 2)
    stranger.reset(seed=1)
    foreign = env.export_snapshot(ids)
    with pytest.raises(errors.BadArgument):
        stranger.import_snapshot(foreign)


def test_episodes_begin_where_earlier_ones_failed(make):
    env = make('hairpins', 4, keep_every_m=20)
    env.reset(seed=1, options={'starts': 'failures', 'start_share': 0.0})
    begun = 0
    for _ in range(3000):
        infos = env.step(np.zeros(4, np.int64))[4]
        begun = max(begun, infos['race_time'][infos['ticks'] == 0].max(initial=0))
        if begun > 0:
            break
    assert begun > 0
    with pytest.raises(errors.BadArgument, match='starts'):
        make('hairpins').reset(options={'starts': 'line'})


def test_arguments_are_the_servers_settings(make):
    env = make('hairpins', 2, action='continuous', observation=['velocity', {'term': 'ahead', 'points': 3, 'spacing_m': 20}],
               reward={'speed': 0.5, 'progress': 0}, randomisation={'start_offset_m': (-2, 1)}, ticks_per_step=10,
               max_episode_steps=3)
    assert env.observation_names == ('velocity.x', 'velocity.y', 'velocity.z',
                                     *(f'ahead{i}.{axis}' for i in range(3) for axis in 'xyz'))
    assert env.server_spec.reward['speed'] == pytest.approx(0.5)
    assert env.server_spec.reward['time'] == pytest.approx(-0.05)
    assert env.server_spec.rules['time_limit'] is False
    assert env.server_spec.randomisation == {'start_offset_m': (-2, 1)}
    env.reset(seed=1)
    steps = [env.step(np.tile([0, 1], (2, 1))) for _ in range(3)]
    assert [step[3].tolist() for step in steps] == [[False] * 2, [False] * 2, [True] * 2]
    assert steps[0][4]['ticks'].tolist() == [10, 10]
    assert steps[2][4]['end_reason'].tolist() == [hotlap.EndReason.TIME_LIMIT] * 2


def test_an_observation_may_be_that_of_a_named_environment(make):
    assert make('oval', observation='compact').single_observation_space.shape == (64,)
    with pytest.raises(errors.UnknownName, match='compact'):
        make('oval', observation='tiny')


@pytest.mark.filterwarnings('error::pytest.PytestUnraisableExceptionWarning')  # what is half made can be closed
@pytest.mark.parametrize(('wrong', 'word'), [
    ({'action': 'wheel'}, 'action'), ({'max_episode_steps': 0}, 'max_episode_steps'), ({'num_envs': 0}, 'num_envs'),
    ({'render_mode': 'hologram'}, 'render_mode'), ({'track': []}, 'track'), ({'ticks_per_step': 0}, 'ticks_per_step'),
    ({'reward': {'style': 1}}, 'style'), ({'observation': ['smell']}, 'smell'),
    ({'environment': 'default', 'observation': 'compact'}, 'compact'),
])
def test_a_wrong_argument_is_a_value_error_that_names_it(make, wrong, word):
    with pytest.raises(ValueError, match=word):
        make(**wrong)


def test_rows_have_a_track_and_share_everything_else(make):
    env = make(['oval', 'loop'], 3)
    assert env.get_attr('track') == env.call('track') == ('oval', 'loop', 'oval')
    assert env.get_attr('num_envs') == (3, 3, 3)
    env.reset(seed=1)
    assert len(env.call('save')) == 3
    env.set_attr('spec', [None, None, None])
    with pytest.raises(ValueError, match='one value'):
        env.set_attr('spec', [None, 1, None])
    with pytest.raises(AttributeError):
        env.set_attr('colour', 'red')


def test_a_reset_leases_again_when_the_session_is_gone(tmp_path):
    endpoint = f'ipc://{tmp_path}/socket'
    with Server(simulated=8, endpoint=endpoint) as server:
        env = VectorEnv('oval', 2, server=endpoint, reconnect=Backoff())
        env.reset(seed=1)
        os.kill(server.pid, signal.SIGKILL)
    with Server(simulated=8, endpoint=endpoint):
        with pytest.raises(errors.LeaseExpired):
            env.step([0, 0])
        env.reset(seed=1)
        env.step([0, 0])
        env.close()


@pytest.mark.parametrize('place', ['another', 'the_same'])
def test_a_reset_leases_of_the_server_that_has_taken_the_place_of_a_lost_one(tmp_path, place):
    config = tmp_path / 'server.yaml'
    packaged = (ROOT / 'configs/servers/default.yaml').read_text()
    config.write_text(packaged.replace('../', f'{ROOT}/configs/').replace(' timeout_s: 5 ', ' timeout_s: 1 '))
    endpoint = None if place == 'another' else f'ipc://{tempfile.gettempdir()}/hotlap-test-{os.getpid()}'
    with Server(simulated=8, config=config, endpoint=endpoint) as server:
        env = VectorEnv('oval', 2, server=server)
        first, _ = env.reset(seed=1)
        env.step([0, 0])
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises(errors.ServerLost):
            env.step([0, 0])
        with pytest.raises(errors.ServerLost):
            env.reset(seed=1)
        assert wait_until(lambda: server.pid == 0)
        server.stop()
        server.start()
        np.testing.assert_array_equal(env.reset(seed=1)[0], first)
        env.close()


def test_info_columns_are_those_asked_for(make):
    env = make('oval', 2, info=['reward.progress', 'progress'], half=True)
    env.reset(seed=1)
    infos = driven(env, 5)[4]
    assert [name for name in infos if name[0] != '_'] == ['reward.progress', 'progress']
    assert (infos['reward.progress'] > 0).all()


def test_a_closed_environment_gives_its_rows_back_and_may_be_closed_again(make, server):
    env = make('oval', 200)
    env.reset()
    env.close()
    env.close()
    with Client(server.endpoint) as client:
        client.attach('default', 200, ['oval'], wait_s=60, timeout_s=60)
