"""Render modes: what cars do as pictures and as text."""

import pathlib
import subprocess
import sys
import warnings

import gymnasium as gym
import numpy as np
import pytest
from conftest import environment
from gymnasium.error import AlreadyPendingCallError, ResetNeeded
from gymnasium.vector import AutoresetMode

import hotlap
from hotlap import Server, drawing, errors
from hotlap.cars import Cars
from hotlap.track import Track

CAR = np.array([255, 179, 38])


def pixels_of(picture, colour):
    return np.argwhere((np.abs(picture.astype(int) - colour) < 40).all(axis=2))


def test_a_track_has_the_geometry_that_the_server_tells(make):
    env = make(['oval', 'hockolicious'], 2)
    env.reset()
    oval, hockolicious = (Track.ask(env.client, name) for name in ('oval', 'hockolicious'))
    assert (oval.closed, hockolicious.closed) == (True, False)
    np.testing.assert_allclose(np.linalg.norm(hockolicious.lefts, axis=1), 1, atol=1e-5)
    lengths = np.linalg.norm(np.diff(hockolicious.points, axis=0), axis=1)
    assert lengths.sum() == pytest.approx(hockolicious.length_m, rel=1e-3)
    assert hockolicious.distance_m(hockolicious.points[0]) == 0
    assert 45_000 < hockolicious.lower_bound_ms < 57_000  # the bronze time is 79 s, pursuit takes some 62
    assert hockolicious.distance_m(hockolicious.points[-1]) == pytest.approx(hockolicious.length_m)
    with pytest.raises(errors.UnknownName):
        Track.ask(env.client, 'monza')


def test_cars_are_where_the_latest_step_left_them():
    with Server(simulated=400) as server:
        other, env = (hotlap.VectorEnv('hairpins', n, server=server) for n in (50, 300))  # more than one question may name
        other.reset()
        env.reset(seed=1)
        track = Track.ask(env.client, 'hairpins')
        for _ in range(30):
            infos = env.step(np.arange(300) % 3)[4]
            cars = Cars.ask(env.client)
            assert cars.known.all()
            np.testing.assert_array_equal(cars.race_times_ms, infos['race_time'])
        np.testing.assert_array_equal(cars.steer, np.array([0, -1, 1])[np.arange(300) % 3])
        assert (cars.gas == 1).all()
        assert (cars.speeds_mps > 1).all()
        for row in (0, 1, 2, 299):
            assert track.distance_m(cars.positions[row]) == pytest.approx(infos['progress'][row], abs=3)
        assert cars.rotations[0][:, 2] @ cars.velocities[0] > 0.95 * cars.speeds_mps[0]  # forwards
        env.close()
        other.close()


def test_the_picture_follows_the_car(make):
    env = make(['hairpins', 'oval'], 2, render_mode='rgb_array')
    env.reset(seed=1)
    frames = [env.render()]
    for _ in range(4):
        for _ in range(10):
            env.step(np.zeros(2, np.int64))
        frames.append(env.render())
    for pictures in frames:
        assert len(pictures) == 2
        for picture in pictures:
            assert (picture.shape, picture.dtype) == ((480, 640, 3), np.uint8)
            # it is in the picture, 8 m^2 at 16 pixels each, some of them glass
            middle = pixels_of(picture[60:420], CAR)
            assert 50 < len(middle) < 160
            assert np.ptp(middle, axis=0).max() < 25
    assert not np.array_equal(frames[0][0], frames[-1][0])
    assert not np.array_equal(frames[-1][0], frames[-1][1])


def test_rendering_leaves_episodes_as_they_are(make):
    env, plain = make('hairpins', 2, render_mode='track'), make('hairpins', 2)
    env.reset(seed=1)
    plain.reset(seed=1)
    for _ in range(30):
        one, other = env.step([1, 2]), plain.step([1, 2])
        first, again = env.render(), env.render()
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize('mode', list(AutoresetMode))
def test_the_driven_line_is_that_of_the_episode_and_of_the_one_before_until_it_has_begun(make, mode):
    env = make('oval', 1, render_mode='track', autoreset_mode=mode, max_episode_steps=80)
    env.reset(seed=1)

    def seen(steps):
        """Pixels of the line after some steps more: coloured, above the legend."""
        for _ in range(steps):
            env.step([0])
        picture = env.render()[0][40:436]
        return int((picture.max(axis=2) - picture.min(axis=2) > 120).sum())

    early, late, ended = seen(20), seen(59), seen(1)
    assert late > 2 * early
    assert ended >= late - 40
    if mode is not AutoresetMode.DISABLED:
        assert seen(1) in range(ended - 40, ended + 40) or mode is AutoresetMode.SAME_STEP
        assert seen(10) < late / 2


def test_a_restored_episode_has_lost_the_line_behind_it(make):
    env = make('oval', 1, render_mode='track')
    env.reset(seed=1)
    for _ in range(40):
        env.step([0])
    ids, before = env.save(), env.render()[0]
    for _ in range(40):
        env.step([0])
    assert not np.array_equal(env.render()[0], before)
    env.restore(ids)
    np.testing.assert_array_equal(env.render()[0], before)


def test_text_tells_where_and_how_fast(make):
    env = make(['oval', 'loop'], 2, render_mode='ansi')
    env.reset(seed=1)
    assert env.render()[1].startswith('loop [')
    for _ in range(40):
        env.step([0, 1])
    one, other = env.render()
    assert '2.00 s' in one
    assert 'checkpoint 0 of' in one
    assert 'steer +0.00 gas +1.00' in one
    assert 'steer -1.00 gas +1.00' in other


def test_nothing_is_rendered_before_a_reset_or_with_steps_in_flight(make):
    env = make('oval', 4, render_mode='track')
    with pytest.raises(ResetNeeded):
        env.render()
    env.reset(seed=1)
    halves = np.array([0, 1]), np.array([2, 3])
    for half in halves:
        env.send([0, 0], rows=half)
    with pytest.raises(AlreadyPendingCallError):
        env.render()
    first, second = env.recv(), env.recv()
    assert [first[4]['row'].tolist(), second[4]['row'].tolist()] == [[0, 1], [2, 3]]
    env.render()


def test_without_a_mode_nothing_is_drawn(make):
    env = make('oval')
    env.reset()
    with pytest.warns(UserWarning, match='render_mode'):
        assert env.render() is None
    for kind in (hotlap.Env, hotlap.VectorEnv):
        assert kind.metadata['render_modes'] == ['ansi', 'human', 'rgb_array', 'track']
    assert make('oval', ticks_per_step=10).metadata['render_fps'] == 10


def test_gymnasium_makes_every_mode(server):
    for mode, kind in (('rgb_array', np.ndarray), ('track', np.ndarray), ('ansi', str)):
        env = gym.make('hotlap/Oval-v0', render_mode=mode, server=server)
        env.reset(seed=1)
        env.step(0)
        assert isinstance(env.render(), kind)
        env.close()
        rows = gym.make_vec('hotlap/Oval-v0', num_envs=2, render_mode=mode, server=server)
        rows.reset(seed=1)
        assert [type(frame) for frame in rows.render()] == [kind] * 2
        rows.close()


def film(env, actions):
    """Ten steps with a video of them, which is returned."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of MoviePy's own
        env.reset(seed=1)
        for _ in range(10):
            env.step(actions)
        env.close()
    (video,) = pathlib.Path(env.video_folder).glob('*.mp4')
    return video


@pytest.mark.parametrize('mode', ['rgb_array', 'track'])
def test_record_video_films_an_env(server, tmp_path, mode):
    env = gym.make('hotlap/Oval-v0', render_mode=mode, server=server, max_episode_steps=10)
    assert film(gym.wrappers.RecordVideo(env, str(tmp_path)), 0).stat().st_size > 1000


@pytest.mark.skipif('RecordVideo' not in gym.wrappers.vector.__all__, reason='this Gymnasium films no vectors')
@pytest.mark.parametrize('mode', ['rgb_array', 'track'])
def test_record_video_films_a_vector(server, tmp_path, mode):
    rows = gym.make_vec('hotlap/Oval-v0', num_envs=4, render_mode=mode, server=server)
    filmed = gym.wrappers.vector.RecordVideo(rows, str(tmp_path), video_length=10)
    assert film(filmed, np.zeros(4, np.int64)).stat().st_size > 1000


@pytest.mark.parametrize(('without', 'mode', 'library', 'extra'), [('ansi', 'rgb_array', 'PIL', 'render'),
                                                                   ('rgb_array', 'human', 'pygame', 'human')])
def test_a_library_is_imported_for_the_modes_that_draw_with_it_alone(without, mode, library, extra):
    script = ('import gymnasium, sys, hotlap.renderer\n'
              f'hotlap.renderer.Renderer("{without}", ["oval"], 20); assert "{library}" not in sys.modules\n'
              f'sys.modules["{library}"] = None\n'
              f'try: hotlap.renderer.Renderer("{mode}", ["oval"], 20)\n'
              'except gymnasium.error.DependencyNotInstalled as error: print(error)\n')
    run = subprocess.run([sys.executable, '-c', script], env=environment(), capture_output=True, text=True, check=True)
    assert f'pip install "hotlap[{extra}]"' in run.stdout


def test_lower_roads_are_drawn_first():
    """A bridge over a road: the surface of the upper one is seen where they cross, whichever comes first on the line."""
    for upper in (0, 1):
        points = np.zeros((42, 3), np.float32)
        points[:21, 0] = points[21:, 2] = np.arange(-20, 21, 2)
        points[21 * upper:21 * (upper + 1), 1] = 8
        lefts = np.zeros((42, 3), np.float32)
        lefts[:21, 2] = lefts[21:, 0] = 1
        surfaces = np.array([6] * 20 + [0] + [3] * 21, np.uint8)  # dirt, a gap, ice
        gate = np.zeros((1, 3), np.float32)
        track = Track('cross', 82.0, False, 1, 1, points, lefts, np.full((42, 2), 4, np.float32), np.zeros((42, 2), np.float32),
                      surfaces, gate - 100, gate + np.float32([0, 0, 1]), np.ones((1, 2), np.float32))
        nobody = Cars(np.zeros(1, bool), *(np.zeros(1, int) for _ in range(3)), *(np.zeros((1, 3)) for _ in range(2)),
                      np.zeros((1, 3, 3)), np.zeros(1), np.zeros(1))
        picture = drawing.follow(track, nobody, 0)
        row, column = 240, 320 - 80  # the crossing is 20 m west of the first point
        assert picture[row, column].argmax() == (0 if upper == 0 else 2)  # brown or blue
