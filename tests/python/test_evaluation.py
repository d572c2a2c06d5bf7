"""evaluate: what is driven, drawn and counted."""

import os
import pathlib
import signal

import numpy as np
import pytest
from conftest import ROOT

import hotlap
from hotlap import Server, VectorEnv, evaluate, policies
from hotlap.evaluation_report import Perturbation
from hotlap.random_stream import RandomStream

TRACKS = ['short_sprint', 'hairpins']
EVALUATION_SEEDS = 2**63


@pytest.fixture(scope='module')
def pursuit(server):
    """In steps of ten ticks."""
    return policies.pursuit(VectorEnv(server=server, ticks_per_step=10).server_spec)


def full_throttle(observations):
    """Leaves every road soon."""
    return np.zeros(len(observations), np.int32)


def driven_by_hand(server, policy, track, idle_steps):
    """The same episode by an Env, step by step: the infos of its end, and the race times at checkpoints."""
    env = hotlap.Env(track, server=server, ticks_per_step=10,
                     info=['race_time', 'checkpoint', 'finish_time', 'episode_return', 'end_reason'])
    observation, _ = env.reset(seed=1)
    neutral, steps, splits = env.action_names.index('none'), 0, []
    while True:
        action = neutral if steps < idle_steps else policy(observation[np.newaxis])[0]
        observation, _, terminated, truncated, infos = env.step(action)
        steps += 1
        splits += [infos['race_time']] * (infos['checkpoint'] - len(splits))
        if terminated or truncated:
            env.close()
            return infos, splits


def test_it_reports_what_a_policy_drives_on_each_track(server, pursuit):
    report = evaluate(pursuit, TRACKS, server=server, ticks_per_step=10, policy_name='pursuit')
    assert [track.track for track in report.tracks] == TRACKS
    assert all(track.finished == track.episodes == 3 for track in report.tracks)
    assert (report.policy, report.environment, report.kind, report.ticks_per_step) == ('pursuit', 'default', 'simulated', 10)
    spec = VectorEnv(server=server, ticks_per_step=10).server_spec
    assert (report.policy_hash, report.task_hash) == (f'{spec.policy_hash:016x}', f'{spec.task_hash:016x}')
    for episode in (report.episodes[1], report.episodes[-1]):
        infos, splits = driven_by_hand(server, pursuit, episode.track, episode.idle_ticks // 10)
        assert episode.end_reason == 'finish'
        assert episode.finish_time_ms == infos['finish_time'] == episode.splits_ms[-1] == 10 * episode.ticks
        assert list(episode.splits_ms[:-1]) == splits[:-1]
        assert episode.episode_return == infos['episode_return']
        assert sum(episode.reward.values()) == pytest.approx(episode.episode_return, rel=1e-6)


@pytest.mark.parametrize('perturbation', ['idle_start', 'observation_noise', 'start_offset'])
def test_the_report_does_not_depend_on_rows(server, pursuit, perturbation):
    reports = [evaluate(pursuit, TRACKS, episodes=4, rows=rows, perturbation=perturbation, noise=0.001,
                        server=server, ticks_per_step=10)
               for rows in (2, 5, None)]
    assert reports[0].json() == reports[1].json() == reports[2].json()
    assert all(track.finished == track.episodes for track in reports[0].tracks)


def test_a_run_that_would_be_the_same_again_is_driven_and_counted_once(server):
    def counted(**arguments):
        report = evaluate(full_throttle, TRACKS, episodes=20, server=server, **arguments)
        assert report.episodes_per_track == 20
        assert len({track.episodes for track in report.tracks}) == 1
        return report.tracks[0].episodes, {episode.idle_ticks for episode in report.episodes}

    assert counted(perturbation='none') == (1, {0})
    assert counted() == (5, {0, 5, 10, 15, 20})
    assert counted(ticks_per_step=7) == (3, {0, 7, 14})
    assert counted(perturbation='none', policy_seed=3) == (20, {0})
    assert counted(perturbation='none', environment='randomised') == (20, {0})
    assert counted(perturbation='observation_noise') == (20, {0})
    assert counted(perturbation='start_offset') == (20, {0})


def test_a_policy_that_samples_says_from_which_seed(server):
    spec = VectorEnv(server=server).server_spec
    report = evaluate(policies.random(spec, 3), 'oval', episodes=2, policy_seed=3, max_ticks=100, server=server)
    assert (report.sampled, report.policy_seed) == (True, 3)
    report = evaluate(full_throttle, 'oval', server=server)
    assert (report.sampled, report.policy_seed) == (False, None)


def test_episodes_draw_from_seeds_of_the_upper_half_that_are_equal_on_all_tracks(server):
    def drawn(seed):
        report = evaluate(full_throttle, TRACKS, episodes=8, seed=seed, policy_seed=0, server=server)
        by_track = [[(episode.seed, episode.idle_ticks) for episode in report.episodes if episode.track == track]
                    for track in TRACKS]
        assert by_track[0] == by_track[1]
        return by_track[0]

    first, same, other = drawn(1), drawn(1), drawn(2**64 - 1)
    assert first == same
    assert not {seed for seed, _ in first} & {seed for seed, _ in other}
    assert all(int(seed, 16) >= EVALUATION_SEEDS for seed, _ in first + other)
    assert first[:2] == [('9c8423b0c916c214', 5), ('f94a7461d84d12f9', 0)]  # what a seed means stays as it is


def test_noise_is_on_measured_columns_alone_and_within_their_bounds(server):
    shown = []

    def watch(observations):
        shown.append(observations.copy())
        return full_throttle(observations)

    plain = VectorEnv('oval', server=server)
    expected, _ = plain.reset(seed=1)
    after = plain.step([0])[0]
    plain.close()
    evaluate(watch, 'oval', episodes=2, perturbation='observation_noise', noise=0.05, server=server)
    spec = plain.server_spec
    measured = np.array([unit != '1' for unit in spec.observation_unit])
    for noisy, exact in ((shown[0], expected), (shown[1], after)):
        np.testing.assert_array_equal(noisy[:, ~measured], np.repeat(exact[:, ~measured], 2, axis=0))
        assert (noisy >= spec.observation_low).all()
        assert (noisy <= spec.observation_high).all()
        inside = measured & (exact[0] - 0.2 > spec.observation_low) & (exact[0] + 0.2 < spec.observation_high)
        assert inside.sum() > 100
        difference = (noisy - exact)[:, inside]
        assert (difference != 0).mean() > 0.95
        assert 0.04 < difference.std() < 0.06
        assert not np.array_equal(noisy[0], noisy[1])
    assert not np.array_equal((shown[0] - expected)[0], (shown[1] - after)[0])


def test_a_start_offset_puts_the_car_beside_the_start_where_its_seed_says(server):
    shown = []

    def watch(observations):
        shown.append(observations.copy())
        return full_throttle(observations)

    report = evaluate(watch, TRACKS, episodes=6, rows=12, perturbation='start_offset', offset_m=2, max_ticks=100, server=server)
    assert report.perturbation == Perturbation('start_offset', most_offset_m=2.0)
    env = hotlap.Env(TRACKS[0], server=server, randomisation={'start_offset_m': [-2, 2]})
    assert env.server_spec.randomisation == {'start_offset_m': (-2, 2)}
    column = env.observation_names.index('lateral_offset')
    places = []
    for row, episode in enumerate(report.episodes[:6]):
        observation, _ = env.reset(seed=int(episode.seed, 16))
        np.testing.assert_array_equal(shown[0][2 * row], observation)
        unit = np.float32(int(RandomStream(int(episode.seed, 16), 0, 5).bits([5])[0]) >> 40) / np.float32(1 << 24)
        places.append(observation[column] / env.server_spec.observation_scale[column])
        assert places[-1] == pytest.approx(-2 + 4 * unit, abs=1e-3)
        assert shown[0][2 * row + 1][column] == pytest.approx(observation[column], abs=1e-3)  # the same on the other track
    env.close()
    assert len(set(places)) == 6


def test_the_bound_is_that_of_the_car_whatever_else_is_drawn(server):
    def bounds(**arguments):
        report = evaluate(full_throttle, TRACKS, episodes=2, max_ticks=20, server=server, **arguments)
        return [track.lower_bound_ms for track in report.tracks]

    known = bounds()
    assert all(known)
    assert bounds(perturbation='start_offset') == known
    assert bounds(randomisation={'observation_noise': [0, 0.01], 'input_delay_ticks': [0, 2]}) == known
    for parameter in ('mass', 'grip', 'engine_force'):
        assert bounds(randomisation={parameter: [1, 1.1]}) == [None, None]


def test_idle_starts_and_noise_work_with_continuous_actions(server):
    def straight_on(observations):
        return np.tile(np.float32([0, 1]), (len(observations), 1))

    report = evaluate(straight_on, 'oval', action='continuous', server=server)
    assert {episode.idle_ticks for episode in report.episodes} == {0, 5, 10, 15, 20}
    assert len({episode.ticks for episode in report.episodes}) == 5
    assert len({episode.ticks - episode.idle_ticks for episode in report.episodes}) == 1


def test_episodes_are_cut_after_whole_steps_of_game_ticks(server):
    report = evaluate(full_throttle, 'oval', max_ticks=42, server=server)
    assert report.max_ticks == 45
    assert {(episode.end_reason, episode.ticks) for episode in report.episodes} == {('time_limit', 45)}
    assert report.tracks[0].failed == report.tracks[0].episodes == 5


@pytest.mark.parametrize(('wrong', 'word'), [
    ({'tracks': []}, 'tracks'), ({'tracks': ['oval', 'oval']}, 'tracks'), ({'episodes': 0}, 'episodes'), ({'rows': 1}, 'rows'),
    ({'seed': -1}, 'seed'), ({'seed': 2**64}, 'seed'), ({'perturbation': 'rain'}, 'idle_start'), ({'max_ticks': 0}, 'max_ticks'),
    ({'perturbation': 'observation_noise', 'noise': 0}, 'noise'), ({'ticks_per_step': 21}, '20 ticks'),
    ({'perturbation': 'start_offset', 'offset_m': 0}, 'offset_m'),
    ({'perturbation': 'start_offset', 'offset_m': 4.1}, 'offset_m'),
    ({'perturbation': 'start_offset', 'randomisation': {'start_offset_m': [0, 1]}}, 'itself'),
])
def test_a_wrong_argument_is_a_value_error_that_names_it(server, wrong, word):
    with pytest.raises(ValueError, match=word):
        evaluate(full_throttle, **{'tracks': TRACKS, 'server': server, **wrong})


def test_what_cannot_be_begun_is_raised(server):
    with pytest.raises(hotlap.errors.UnknownName, match='monza'):
        evaluate(full_throttle, ['oval', 'monza'], server=server)
    with pytest.raises(hotlap.ServerFull):
        evaluate(full_throttle, 'oval', episodes=300, rows=300, policy_seed=0, server=server)


@pytest.mark.parametrize('actions', [np.zeros(3, np.int32), np.zeros((2, 1), np.int32), np.int32(0), np.zeros(2), None])
def test_actions_of_another_shape_or_type_are_a_value_error(server, actions):
    with pytest.raises(ValueError, match='the policy gave actions'):
        evaluate(lambda observations: actions, TRACKS, rows=2, server=server)


def test_what_a_policy_raises_is_the_callers_and_rows_go_back():
    class Crash(Exception):
        pass

    def crash(observations):
        raise Crash

    with Server(simulated=2) as server:
        with pytest.raises(Crash):
            evaluate(crash, TRACKS, rows=2, server=server)
        assert evaluate(full_throttle, TRACKS, rows=2, server=server, wait_s=60).tracks[0].errors == 0


def test_rows_of_two_kinds_of_games_are_refused():
    with Server(simulated=1, games=1) as server:
        with pytest.raises(ValueError, match='simulated and tminterface'):
            evaluate(full_throttle, TRACKS, rows=2, server=server)
        assert evaluate(full_throttle, 'oval', rows=1, kind='simulated', server=server, wait_s=60).kind == 'simulated'


# Harness errors


def test_a_refused_row_is_an_error_of_its_episode_alone(server, pursuit):
    def outside_on_one(observations):
        actions = pursuit(observations)
        actions[0] = 99
        return actions

    report = evaluate(outside_on_one, TRACKS, rows=2, episodes=3, policy_seed=0, perturbation='none', server=server,
                      ticks_per_step=10)
    refused, other = report.tracks
    assert (refused.episodes, refused.finished, refused.failed, refused.errors) == (3, 0, 0, 3)
    assert refused.finish_rate.value is None
    assert (other.episodes, other.finished, other.errors) == (3, 3, 0)
    assert {(episode.error, episode.message, episode.end_reason) for episode in report.episodes[:3]} == {
        ('row_refused', 'bad_action', None)}


def test_what_a_lost_server_leaves_undriven_is_counted_apart(pursuit, tmp_path):
    endpoint = f'ipc://{tmp_path}/socket'
    servers = [Server(simulated=2, endpoint=endpoint) for _ in range(2)]
    calls = 0

    def killing(observations):
        nonlocal calls
        calls += 1
        if calls == 350:  # each row is at its second episode by then
            os.kill(servers[0].pid, signal.SIGKILL)
            servers[1].start()  # which knows nothing of them
        return pursuit(observations)

    with servers[0]:
        report = evaluate(killing, TRACKS, rows=2, episodes=4, policy_seed=0, server=endpoint, ticks_per_step=10)
    servers[1].stop()
    assert [(track.finished, track.failed, track.errors) for track in report.tracks] == [(1, 0, 3), (1, 0, 3)]
    assert [track.finish_rate.value for track in report.tracks] == [1, 1]
    lost = [episode for episode in report.episodes if episode.error]
    assert {episode.error for episode in lost} == {'server_lost'}
    assert all(episode.message for episode in lost)
    assert [episode.ticks > 0 for episode in lost] == [True, False, False] * 2
    assert all(episode.reward is None and episode.episode_return is None for episode in lost)


def game_of(server):
    """The process of the only game behind a buffer."""
    for children in pathlib.Path(f'/proc/{server.pid}/task').glob('*/children'):  # of each thread
        for pid in children.read_text().split():
            if b'hotlap-game' in pathlib.Path(f'/proc/{pid}/cmdline').read_bytes():
                return int(pid)
    raise AssertionError('there is no game')


def test_a_lost_game_is_an_error_and_the_next_episode_has_another_game_if_there_is_one(tmp_path):
    config = (ROOT / 'configs/servers/default.yaml').read_text().replace('../', f'{ROOT}/configs/')
    for setting, value in (('restarts_per_hour: 30', 'restarts_per_hour: 1'), ('start_timeout_s: 20', 'start_timeout_s: 3')):
        assert setting in config
        config = config.replace(setting, value)
    (tmp_path / 'server.yaml').write_text(config)
    with Server(simulated=1, games=1, config=tmp_path / 'server.yaml') as server:
        calls = 0

        def killing(observations):
            nonlocal calls
            calls += 1
            if calls in (5, 20):  # in the first episode, and in the third
                os.kill(game_of(server), signal.SIGKILL)
            return full_throttle(observations)

        report = evaluate(killing, 'oval', kind='tminterface', rows=1, episodes=4, max_ticks=50, perturbation='none',
                          policy_seed=0, server=server)
    assert report.kind == 'tminterface'
    assert [(episode.error, episode.end_reason, episode.ticks) for episode in report.episodes] == [
        ('game_lost', None, 20), (None, 'time_limit', 50), ('game_lost', None, 20), ('game_lost', None, 0)]
    assert (report.tracks[0].failed, report.tracks[0].errors) == (1, 3)
