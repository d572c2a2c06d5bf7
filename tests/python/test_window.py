"""Render mode "human": a window that SDL's dummy driver keeps from the screen."""

import contextlib

import gymnasium as gym
import numpy as np
import pygame
import pytest
from gymnasium.error import ResetNeeded

import hotlap


@pytest.fixture(autouse=True)
def paces(monkeypatch):
    """Pictures per second that a window was asked to keep to, one for each that it has shown; it does not wait."""
    asked = []

    class Clock:
        tick = asked.append

    monkeypatch.setattr(pygame.time, 'Clock', Clock)
    yield asked
    pygame.display.quit()


def shown():
    """The picture in the window; None without one."""
    surface = pygame.display.get_surface()
    return None if surface is None else pygame.surfarray.array3d(surface).swapaxes(0, 1)


def test_every_reset_and_step_shows_what_the_picture_mode_draws(server, paces):
    env, drawn = (hotlap.Env('oval', server=server, render_mode=mode) for mode in ('human', 'rgb_array'))
    assert shown() is None
    for one in (env, drawn):
        one.reset(seed=1)
    np.testing.assert_array_equal(shown(), drawn.render())
    for step in range(1, 31):
        for one in (env, drawn):
            one.step(1)
        np.testing.assert_array_equal(shown(), drawn.render())
        assert len(paces) == 1 + step
    assert env.render() is None
    env.close()
    drawn.close()
    assert shown() is None


def test_pictures_keep_to_the_time_of_the_game(server, paces):
    with contextlib.closing(hotlap.Env('oval', server=server, render_mode='human', ticks_per_step=4)) as env:
        env.reset(seed=1)
        env.step(0)
    assert paces == [25, 25]


def test_a_vector_shows_its_first_row(make):
    env, drawn = (make(['hairpins', 'oval'], 2, render_mode=mode) for mode in ('human', 'rgb_array'))
    for one in (env, drawn):
        one.reset(seed=1)
        one.step([1, 2])
    np.testing.assert_array_equal(shown(), drawn.render()[0])
    assert env.render() is None


def test_steps_are_shown_when_none_is_in_flight(make, paces):
    env = make('oval', 2, render_mode='human')
    env.reset(seed=1)
    for row in range(2):
        env.send([0], rows=[row])
    env.recv()
    assert len(paces) == 1
    env.recv()
    assert len(paces) == 2


def test_a_closed_window_stays_closed_and_episodes_go_on(make, paces):
    env, plain = make('oval', 2, render_mode='human'), make('oval', 2)
    for one in (env, plain):
        one.reset(seed=1)
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    for _ in range(3):
        np.testing.assert_array_equal(env.step([0, 1])[0], plain.step([0, 1])[0])
    env.reset()
    assert env.render() is None
    assert shown() is None
    assert len(paces) == 1


def test_a_process_has_one_window_and_the_next_environment_a_new_one(make):
    first, second = (make('oval', render_mode='human') for _ in range(2))
    first.reset(seed=1)
    second.reset(seed=1)
    first.close()
    assert shown() is None
    second.step([0])
    third = make('oval', render_mode='human')
    third.reset(seed=1)
    second.step([0])
    second.close()
    assert shown() is not None


def test_nothing_is_shown_before_a_reset(make):
    env = make('oval', render_mode='human')
    with pytest.raises(ResetNeeded):
        env.render()
    assert shown() is None


def test_gymnasium_leaves_the_window_to_us(server):
    env = gym.make('hotlap/Oval-v0', render_mode='human', server=server)
    env.reset(seed=1)
    env.step(0)
    assert env.render() is None
    assert shown() is not None
    env.close()
    rows = gym.make_vec('hotlap/Oval-v0', num_envs=2, render_mode='human', server=server)
    rows.reset(seed=1)
    assert shown() is not None
    rows.close()
