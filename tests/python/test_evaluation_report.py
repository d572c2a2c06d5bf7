"""Figures of an evaluation, of episodes made by hand; `docs/evaluation.md` says how they are computed."""

import csv
import io
import json
import math

import pytest

from hotlap.evaluation_report import Episode, FinishRate, Perturbation, Report, Times, TrackReport

TERMS = ('progress', 'time')


def finished(episode, time_ms, splits_ms, reward=(20.0, -1.0), track='oval'):
    return Episode(track, episode, f'{2**63 + episode:016x}', 5 * episode, 'finish', None, '', time_ms, time_ms // 10, 1000.5,
                   len(splits_ms), tuple(splits_ms), 0, sum(reward), dict(zip(TERMS, reward, strict=True)))


def failed(episode, reason, splits_ms=(), reward=(5.0, -2.0), track='oval'):
    return Episode(track, episode, f'{2**63 + episode:016x}', 0, reason, None, '', None, 700, 250.5, len(splits_ms),
                   tuple(splits_ms), 1, sum(reward), dict(zip(TERMS, reward, strict=True)))


def broken(episode, error, message='', track='oval'):
    return Episode(track, episode, f'{2**63 + episode:016x}', 0, None, error, message, None, 35, 1.25, 0, (), 0, None, None)


EPISODES = (finished(0, 17_230, [8_000, 17_230]), finished(1, 75_500, [40_000, 75_500], reward=(20.0, -4.0)),
            failed(2, 'off_road', [9_000]), failed(3, 'time_limit'), broken(4, 'game_lost'),
            broken(5, 'server_lost', 'it said "no", twice'))


def report_of(*tracks, episodes):
    return Report(2, 'pursuit', 'default', 'simulated', '00000000000000ff', '0000000000000001', 5, None, 7, 6,
                  Perturbation('idle_start', most_ticks=20), False, None, TERMS, tracks, episodes)


def some_report():
    return report_of(TrackReport.of('oval', EPISODES, TERMS, 15_000), episodes=EPISODES)


@pytest.mark.parametrize(('finishes', 'n', 'low', 'high'), [
    # z^2 = 3.841459. 8 of 10: centre (0.8 + 0.192073) / 1.384146, half 1.959964 * sqrt(0.016 + 0.009604) / 1.384146.
    (8, 10, 0.490162, 0.943318),
    (1, 2, 0.094531, 0.905469),
    # At the ends it is n / (n + z^2) and z^2 / (n + z^2).
    (5, 5, 5 / 8.8414588, 1), (0, 5, 0, 3.8414588 / 8.8414588), (1, 1, 1 / 4.8414588, 1),
])
def test_the_interval_of_a_rate_is_wilsons(finishes, n, low, high):
    rate = FinishRate.of(finishes, n)
    assert rate.value == finishes / n
    assert rate.low == pytest.approx(low, abs=1e-6)
    assert rate.high == pytest.approx(high, abs=1e-6)


def test_the_interval_of_none_and_of_all_ends_where_rates_end():
    for n in range(1, 200):
        assert FinishRate.of(0, n).low == 0
        assert FinishRate.of(n, n).high == 1


def test_nothing_is_known_of_the_rate_of_no_episode():
    assert FinishRate.of(0, 0) == FinishRate(None, None, None)


@pytest.mark.parametrize(('times', 'quartiles'), [
    ([500], (500, 500, 500)),
    ([100, 200], (125, 150, 175)),
    ([400, 100, 300, 200], (175, 250, 325)),
    ([500, 100, 300, 200, 400], (200, 300, 400)),
    ([10, 20, 40, 80, 160, 320, 640], (30, 80, 240)),
    ([10, 17, 20], (13.5, 17, 18.5)),
    ([1, 2, 3, 5, 8, 13], (2.25, 4, 7.25)),
])
def test_quartiles_lie_at_quarters_of_the_way_from_the_least_to_the_greatest(times, quartiles):
    found = Times.of(times)
    assert found == Times(min(times), *quartiles)
    assert all(type(value) is float for value in (found.lower_quartile, found.median, found.upper_quartile))


def test_a_track_is_told_in_figures_that_leave_errors_out():
    track = TrackReport.of('oval', EPISODES, TERMS, 15_000)
    assert (track.episodes, track.finished, track.failed, track.errors) == (6, 2, 2, 2)
    assert track.end_reasons == {'finish': 2, 'off_road': 1, 'time_limit': 1}
    assert track.finish_rate == FinishRate.of(2, 4)
    assert track.finish_time_ms == Times(17_230, 31_797.5, 46_365.0, 60_932.5)
    assert (track.best_over_bound, track.median_over_bound) == (17_230 / 15_000, 46_365 / 15_000)
    assert [(split.checkpoint, split.passes, split.best, split.median) for split in track.splits_ms] == [
        (1, 3, 8_000, 9_000.0), (2, 2, 17_230, 46_365.0)]
    assert track.mean_progress_m == (2 * 1000.5 + 2 * 250.5) / 4
    assert track.mean_checkpoints == 1.25
    assert track.mean_reward == {'progress': 12.5, 'time': -2.25}
    assert track.mean_return == 10.25


def test_means_are_added_one_after_the_other():
    """Python 3.12's sum gives 1.0 here, a plain loop and C++ do not."""
    rewards = [0.1] * 10
    episodes = [finished(place, 1000, [1000], reward=(reward, 0.0)) for place, reward in enumerate(rewards)]
    mean = TrackReport.of('oval', episodes, TERMS, 15_000).mean_reward['progress']
    assert mean == 0.9999999999999999 / 10
    assert mean != math.fsum(rewards) / 10


def test_means_are_added_in_the_order_of_episodes_whichever_ended_first():
    episodes = [finished(place, 1000, [1000], reward=(reward, 0.0)) for place, reward in enumerate((1.0, 1e16, -1e16))]
    assert TrackReport.of('oval', episodes, TERMS, 15_000).mean_reward['progress'] == 0
    assert TrackReport.of('oval', [episodes[place] for place in (1, 2, 0)], TERMS, 15_000).mean_reward['progress'] == 0


def test_a_track_of_errors_alone_has_no_figures():
    track = TrackReport.of('oval', EPISODES[4:], TERMS, 15_000)
    assert (track.episodes, track.errors, track.end_reasons, track.splits_ms) == (2, 2, {}, ())
    unknown = (track.finish_rate.value, track.finish_rate.low, track.finish_rate.high, track.finish_time_ms.best,
               track.finish_time_ms.median, track.best_over_bound, track.median_over_bound,
               track.mean_progress_m, track.mean_checkpoints, track.mean_return, *track.mean_reward.values())
    assert set(unknown) == {None}


def test_json_has_the_fields_that_the_document_lists():
    told = json.loads(some_report().json())
    assert list(told) == ['version', 'policy', 'environment', 'kind', 'policy_hash', 'task_hash', 'ticks_per_step', 'max_ticks',
                          'seed', 'episodes_per_track', 'perturbation', 'sampled', 'policy_seed', 'reward_terms', 'tracks',
                          'episodes']
    assert told['version'] == 2
    assert told['perturbation'] == {'name': 'idle_start', 'most_ticks': 20, 'deviation': None, 'most_offset_m': None}
    (track,) = told['tracks']
    assert list(track) == ['track', 'episodes', 'finished', 'failed', 'errors', 'end_reasons', 'finish_rate', 'finish_time_ms',
                           'lower_bound_ms', 'best_over_bound', 'median_over_bound', 'splits_ms', 'mean_progress_m',
                           'mean_checkpoints', 'mean_return', 'mean_reward']
    assert list(track['finish_rate']) == ['value', 'low', 'high']
    assert list(track['finish_time_ms']) == ['best', 'lower_quartile', 'median', 'upper_quartile']
    assert list(track['splits_ms'][0]) == ['checkpoint', 'passes', 'best', 'median']
    assert told['episodes'][1] == {
        'track': 'oval', 'episode': 1, 'seed': '8000000000000001', 'idle_ticks': 5, 'end_reason': 'finish', 'error': None,
        'message': '', 'finish_time_ms': 75_500, 'ticks': 7_550, 'progress_m': 1000.5, 'checkpoints': 2,
        'splits_ms': [40_000, 75_500], 'invalid_steps': 0, 'episode_return': 16.0, 'reward': {'progress': 20.0, 'time': -4.0}}
    assert told['episodes'][4]['reward'] is None


def test_csv_has_a_line_per_episode_that_reads_back():
    text = some_report().csv()
    assert text.splitlines()[0] == (
        'track,episode,seed,idle_ticks,end_reason,error,message,finish_time_ms,ticks,progress_m,checkpoints,splits_ms,'
        'invalid_steps,return,reward_progress,reward_time')
    lines = list(csv.DictReader(io.StringIO(text)))
    assert len(lines) == len(EPISODES)
    for line, episode in zip(lines, EPISODES, strict=True):
        for name in ('track', 'seed', 'message'):
            assert line[name] == getattr(episode, name)
        for name in ('episode', 'idle_ticks', 'ticks', 'checkpoints', 'invalid_steps'):
            assert int(line[name]) == getattr(episode, name)
        for name in ('end_reason', 'error', 'finish_time_ms'):
            assert line[name] == ('' if getattr(episode, name) is None else str(getattr(episode, name)))
        assert [int(split) for split in line['splits_ms'].split()] == list(episode.splits_ms)
        assert float(line['progress_m']) == episode.progress_m
        rewards = [line['return'], line['reward_progress'], line['reward_time']]
        if episode.error is None:
            assert [float(reward) for reward in rewards] == [episode.episode_return, *episode.reward.values()]
        else:
            assert rewards == ['', '', '']


def test_the_table_has_a_line_per_track_and_its_median_splits():
    other = [broken(0, 'game_lost', track='loop')]
    report = report_of(TrackReport.of('oval', EPISODES, (*TERMS,), 15_000), TrackReport.of('loop', other, TERMS, 9_000),
                       episodes=(*EPISODES, *other))
    title, rule, oval, loop, empty, heading, oval_splits, loop_splits = report.table().splitlines()
    assert len(title) == len(rule) == len(oval) == len(loop)
    assert title.split()[-2:] == ['r:progress', 'r:time']
    assert oval.split() == ['oval', '6', '2', '2', '0.50', '0.15', 'to', '0.85', '17.23', '31.80', '46.37', '1:00.93', '3.091',
                            '626', '10.25', '12.50', '-2.25']
    assert loop.split() == ['loop', '1', '0', '1', *['-'] * 11]
    assert (empty, heading) == ('', 'median splits (s)')
    assert oval_splits.split() == ['oval', '9.00', '46.37']
    assert loop_splits.split() == ['loop', '-']


def test_terms_that_were_never_paid_are_not_in_the_table():
    track = TrackReport.of('oval', [finished(0, 1000, [1000], reward=(0.0, -1.0))], TERMS, 900)
    assert 'r:progress' not in report_of(track, episodes=()).table()


def test_a_report_is_written_into_a_folder(tmp_path):
    report = some_report()
    report.write(tmp_path / 'results/oval')
    assert {file.name: file.read_text() for file in (tmp_path / 'results/oval').iterdir()} == {
        'report.json': report.json(), 'episodes.csv': report.csv(), 'table.txt': report.table()}
