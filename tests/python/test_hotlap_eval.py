"""hotlap-eval and hotlap.evaluate write the same report of the same episodes: both follow `docs/evaluation.md`."""

import json
import os
import pathlib
import subprocess

import numpy as np
import pytest

import hotlap
import hotlap.evaluation
from hotlap import Client, VectorEnv, evaluate
from hotlap.evaluation_report import Episode, Perturbation, Report, TrackReport
from hotlap.random_stream import RandomStream
from hotlap.track import Track

TRACKS = ['short_sprint', 'hairpins']
POLICY = 10  # RandomPurpose::kPolicy


@pytest.fixture
def hotlap_eval(server, tmp_path):
    """Runs it on the shared server; the folder of its report, and the table that it printed."""

    def run(*flags, tracks=TRACKS):
        program = pathlib.Path(os.environ['HOTLAP_PROGRAMS']) / 'hotlap-eval'
        done = subprocess.run([program, '--server', server.endpoint, '--out', tmp_path, *(f'--track={track}' for track in tracks),
                               *map(str, flags)], stdout=subprocess.PIPE, text=True, check=True)
        return tmp_path, done.stdout

    return run


class NotedSeeds(VectorEnv):
    """Tells the random driver below where episodes begin, as a driver in C++ is told."""

    begun = None

    def reset(self, *, seed=None, options=None):
        for row in np.flatnonzero(options['reset_mask']):
            NotedSeeds.begun[int(row)] = [seed[row], 0]
        return super().reset(seed=seed, options=options)


def random_as_in_cpp(spec, policy_seed):
    """hotlap-eval's driver `random`: a function of its seed, the episode's seed and the step."""

    def act(observations):
        actions = []
        for row in range(len(observations)):
            episode = NotedSeeds.begun[row]
            stream, step = RandomStream(policy_seed, episode[0], POLICY), episode[1]
            episode[1] += 1
            actions.append((int(stream.bits([step])[0]) >> 32) * len(spec.action) >> 32)
        return np.array(actions, np.int32)

    return act


@pytest.mark.parametrize(('flags', 'arguments'), [
    ([], {}),
    (['--environment', 'compact'], {'max_ticks': 321, 'environment': 'compact'}),
    (['--rows', 1], {'rows': 3}),
    (['--perturbation', 'none', '--seed', 2**64 - 1], {'perturbation': 'none', 'seed': 2**64 - 1}),
    (['--perturbation', 'observation_noise', '--deviation', 0.01, '--seed', 2, '--environment', 'randomised'],
     {'perturbation': 'observation_noise', 'noise': 0.01, 'seed': 2, 'environment': 'randomised'}),
    (['--perturbation', 'start_offset'], {'perturbation': 'start_offset'}),
    (['--perturbation', 'start_offset', '--offset', 2.3, '--environment', 'randomised', '--seed', 3],
     {'perturbation': 'start_offset', 'offset_m': 2.3, 'environment': 'randomised', 'seed': 3}),
])
def test_both_write_the_same_bytes_of_the_same_episodes(server, hotlap_eval, monkeypatch, flags, arguments):
    folder, _ = hotlap_eval('--policy', 'random', '--episodes', 8, '--max-ticks', arguments.get('max_ticks', 500), *flags)
    monkeypatch.setattr(hotlap.evaluation, 'VectorEnv', NotedSeeds)
    monkeypatch.setattr(NotedSeeds, 'begun', {})
    arguments = {'seed': 1, 'max_ticks': 500, **arguments}
    spec = VectorEnv(server=server, environment=arguments.get('environment')).server_spec
    report = evaluate(random_as_in_cpp(spec, arguments['seed']), TRACKS, episodes=8, policy_name='random',
                      policy_seed=arguments['seed'], server=server, **arguments)
    written = json.loads((folder / 'report.json').read_text())
    for name, value in json.loads(report.json()).items():
        assert written.pop(name) == value, name
    assert not written
    assert (folder / 'report.json').read_bytes() == report.json().encode()
    assert (folder / 'episodes.csv').read_bytes() == report.csv().encode()
    assert (folder / 'table.txt').read_bytes() == report.table().encode()


def report_of(written):
    """The report of the episodes in a report.json, with figures that are computed anew."""
    terms = tuple(written['reward_terms'])
    episodes = tuple(Episode(**{**episode, 'splits_ms': tuple(episode['splits_ms'])}) for episode in written['episodes'])
    tracks = tuple(TrackReport.of(track['track'], [one for one in episodes if one.track == track['track']], terms,
                                  track['lower_bound_ms']) for track in written['tracks'])
    return Report(**{**written, 'perturbation': Perturbation(**written['perturbation']), 'reward_terms': terms, 'tracks': tracks,
                     'episodes': episodes})


@pytest.mark.parametrize('flags', [[], ['--perturbation', 'observation_noise', '--deviation', 0.002],
                                   ['--perturbation', 'start_offset', '--offset', 3]])
def test_both_compute_the_same_figures_of_laps_that_pursuit_drives(server, hotlap_eval, flags):
    """The package's pursuit is another driver, so its laps are others: the figures are compared, not the laps."""
    folder, printed = hotlap_eval('--policy', 'pursuit', '--episodes', 9, *flags)
    written = json.loads((folder / 'report.json').read_text())
    assert [track['finished'] for track in written['tracks']] == [len(written['episodes']) // 2] * 2
    report = report_of(written)
    assert (folder / 'report.json').read_text() == report.json()
    assert (folder / 'episodes.csv').read_text() == report.csv()
    assert (folder / 'table.txt').read_text() == report.table()
    assert report.table() in printed
    with Client(server.endpoint) as client:
        assert [track['lower_bound_ms'] for track in written['tracks']] == [
            Track.ask(client, track).lower_bound_ms for track in TRACKS]


def test_both_draw_the_same_episodes_for_pursuit_and_say_the_same_of_its_environment(server, hotlap_eval):
    folder, _ = hotlap_eval('--policy', 'pursuit', '--seed', 5)
    written = json.loads((folder / 'report.json').read_text())
    spec = VectorEnv(server=server, environment='full_view').server_spec
    report = json.loads(evaluate(hotlap.policies.pursuit(spec), TRACKS, environment='full_view', seed=5, policy_name='pursuit',
                                 server=server).json())
    for name in report.keys() - {'tracks', 'episodes'}:
        assert written[name] == report[name], name
    assert [[one[name] for name in ('track', 'episode', 'seed', 'idle_ticks')] for one in written['episodes']] == [
        [one[name] for name in ('track', 'episode', 'seed', 'idle_ticks')] for one in report['episodes']]
