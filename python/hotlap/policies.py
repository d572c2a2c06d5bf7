"""Drivers as plain callables: observations of shape (n, d) in, actions of shape (n,) or (n, 2) out.

    drive = policies.pursuit(env.server_spec)
    observations, *_ = env.step(drive(observations))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from hotlap.protocol import Array, EnvironmentSpec
from hotlap.settings import TICK_S

Policy = Callable[[npt.ArrayLike], Array]

# What full lock turns on asphalt, settled: curvature (1/m) over speed (m/s); the Stadium car's.
_LOCK_SPEED_MPS = np.array([0, 13.9, 27.8, 50.0, 80.6, 102.8, 113.9, 127.8])
_LOCK_PER_M = np.array([0.150, 0.110, 0.0628, 0.0244, 0.0102, 0.0076, 0.0053, 0.0033])
_STEER_PER_S, _RETURN_PER_S = 6.0, 10.0  # of the wheel under keys, 1 is full lock
_SURFACES = ('asphalt', 'grass', 'dirt', 'turbo', 'other')
_FRICTION = np.array([2.2, 1.0, 1.2, 2.2, 0.28])  # used of the tyres, by these
_BEND_SHARE = 0.75  # of what full lock can turn, used in bends
_GRAVITY_MPS2, _BRAKING_MPS2, _BRAKING_SHARE = 25.0, 30.0, 0.7
_HORIZON_MPS = 80.0  # held possible where the look-ahead ends
_AIM_S, _AIM_LEAST_M, _AIM_MOST_M = 0.35, 8.0, 45.0
_YAW_GAIN = 0.8  # lock per lock's worth of missing yaw rate
_BRAKE_MARGIN_MPS = 1.0


def random(spec: EnvironmentSpec, seed: int | None = None) -> Policy:
    """Any action, evenly; the same seed chooses the same."""
    generator = np.random.default_rng(seed)

    def act(observations: npt.ArrayLike) -> Array:
        n = len(np.asarray(observations))
        if spec.is_discrete:
            return generator.integers(len(spec.action), size=n, dtype=np.int32)
        return generator.uniform(spec.action_low, spec.action_high, (n, len(spec.action))).astype(np.float32)

    return act


def pursuit(spec: EnvironmentSpec) -> Policy:
    """Steers to a point ahead on the middle of the road, and brakes in time for bends.

    A plainer driver than `hotlap-eval`'s of that name. Wants the columns `velocity`, `angular_velocity.y` and at least three
    points `ahead<i>`; uses `lateral_offset`, `road_surface` and past actions where they are shown. Without state.

    Raises:
        ValueError: a column is not in the spec.
    """
    return _Pursuit(spec)


class _Pursuit:
    def __init__(self, spec: EnvironmentSpec) -> None:
        self._places = {name: place for place, name in enumerate(spec.observation)}
        self._scale = np.array(spec.observation_scale, np.float64)
        self._velocity = self._find('velocity.x', 'velocity.z')
        self._yaw_rate = self._find('angular_velocity.y')
        count = 0
        while f'ahead{count}.x' in self._places:
            count += 1
        if count < 3:
            raise ValueError("pursuit wants at least three points 'ahead<i>' in the observation")
        self._ahead = self._find(*(f'ahead{i}.{axis}' for i in range(count) for axis in 'xyz'))
        surface = [f'road_surface.{name}' for name in _SURFACES]
        self._surface = self._find(*surface) if surface[0] in self._places else None
        self._past: list[int] = []
        while spec.is_discrete and f'action{len(self._past)}.steer' in self._places:
            self._past += self._find(f'action{len(self._past)}.steer')
        self._step_s = spec.ticks_per_step * TICK_S
        self._is_discrete = spec.is_discrete
        if spec.is_discrete:
            self._actions = {_wish(name): place for place, name in reversed(list(enumerate(spec.action)))}

    def _find(self, *names: str) -> list[int]:
        for name in names:
            if name not in self._places:
                raise ValueError(f"pursuit wants column '{name}' in the observation")
        return [self._places[name] for name in names]

    def _read(self, row: Array, places: list[int]) -> Array:
        return row[:, places] / self._scale[places]

    def __call__(self, observations: npt.ArrayLike) -> Array:
        shown = np.asarray(observations, np.float64)
        n = len(shown)
        velocity = self._read(shown, self._velocity)
        speed = np.maximum(np.linalg.norm(velocity, axis=1), 1.0)
        points = np.concatenate([np.zeros((n, 1, 3)), self._read(shown, self._ahead).reshape(n, -1, 3)], axis=1)
        lengths = np.maximum(np.linalg.norm(np.diff(points, axis=1), axis=2), 1e-3)
        away = np.concatenate([np.zeros((n, 1)), np.cumsum(lengths, axis=1)], axis=1)

        aim = _at(points, away, np.clip(_AIM_S * speed, _AIM_LEAST_M, _AIM_MOST_M))
        arc = 2 * aim[:, 0] / np.maximum(aim[:, 0] ** 2 + aim[:, 2] ** 2, 1e-3)  # left is positive
        lock = np.interp(speed, _LOCK_SPEED_MPS, _LOCK_PER_M)
        wanted = np.clip(arc / lock, -1, 1)
        turning = self._read(shown, self._yaw_rate)[:, 0] / (lock * speed)
        steer = -np.clip(wanted + _YAW_GAIN * (wanted - turning), -1, 1)  # right is positive

        excess = velocity[:, 1] - self._speed_wanted(shown, points, lengths)
        pedal = np.where(excess > _BRAKE_MARGIN_MPS, -1.0, np.where(excess < 0, 1.0, 0.0))
        if not self._is_discrete:
            return np.stack([steer, pedal], axis=1).astype(np.float32)
        keys = self._keys(shown, steer)
        return np.array([self._action(key, press) for key, press in zip(keys.tolist(), pedal.tolist(), strict=True)], np.int32)

    def _speed_wanted(self, shown: Array, points: Array, lengths: Array) -> Array:
        """From the horizon back to the car: nowhere faster than braking to what comes next allows."""
        friction = np.full(len(shown), _FRICTION[0])
        if self._surface is not None:
            friction = _FRICTION[np.argmax(self._read(shown, self._surface), axis=1)]
        directions = np.diff(points, axis=1) / lengths[:, :, np.newaxis]
        bends = np.linalg.norm(np.diff(directions, axis=1), axis=2) / (0.5 * (lengths[:, 1:] + lengths[:, :-1]))
        bends = np.maximum(bends, 1e-5)
        held = np.sqrt(friction[:, np.newaxis] * _GRAVITY_MPS2 / bends)
        locked = np.interp(-bends / _BEND_SHARE, -_LOCK_PER_M, _LOCK_SPEED_MPS, right=1e3)
        locked = np.where(bends / _BEND_SHARE < _LOCK_PER_M[-1], 1e3, locked)
        limits = np.maximum(np.minimum(held, locked), 4.0)
        braking = np.minimum(_BRAKING_MPS2, _BRAKING_SHARE * friction * _GRAVITY_MPS2)
        wanted = np.full(len(shown), _HORIZON_MPS)
        for place in range(limits.shape[1] - 1, -1, -1):
            wanted = np.minimum(wanted, limits[:, place])
            wanted = np.sqrt(wanted**2 + 2 * braking * np.maximum(lengths[:, place] - 5.0, 0.0))
        return wanted

    def _keys(self, shown: Array, steer: Array) -> Array:
        """Keys move the wheel at a fixed rate: the one that brings it nearest to where it should be."""
        if not self._past:
            return np.where(np.abs(steer) < 0.3, 0.0, np.sign(steer))
        wheel = np.zeros(len(shown))
        for place in reversed(self._past):
            wheel = self._moved(wheel, shown[:, place] / self._scale[place])
        choices = np.array([0.0, -1.0, 1.0])
        misses = np.stack([np.abs(self._moved(wheel, np.full_like(wheel, key)) - steer) for key in choices], axis=1)
        keys: Array = choices[np.argmin(misses, axis=1)]
        return keys

    def _moved(self, wheel: Array, key: Array) -> Array:
        """A wheel on the other side comes back to the middle first."""
        returns = (wheel * key <= 0) & (wheel != 0)
        back_s = np.where(returns, np.minimum(self._step_s, np.abs(wheel) / _RETURN_PER_S), 0.0)
        wheel = wheel - np.sign(wheel) * back_s * _RETURN_PER_S
        moved: Array = np.clip(wheel + key * _STEER_PER_S * (self._step_s - back_s), -1, 1)
        return moved

    def _action(self, key: float, pedal: float) -> int:
        """What the set has of a wish, else of its pedal, else of its steering."""
        for wish in ((key, pedal), (0.0, pedal), (key, 0.0)):
            if wish in self._actions:
                return self._actions[wish]
        return 0


def _wish(name: str) -> tuple[float, float]:
    keys = name.split('+')
    return float('right' in keys) - float('left' in keys), float('accelerate' in keys) - float('brake' in keys)


def _at(points: Array, away: Array, distance: Array) -> Array:
    """The point of a line that far along it."""
    after = np.clip(np.sum(away < distance[:, np.newaxis], axis=1), 1, points.shape[1] - 1)
    rows: Any = np.arange(len(points))
    share = (distance - away[rows, after - 1]) / np.maximum(away[rows, after] - away[rows, after - 1], 1e-3)
    found: Array = points[rows, after - 1] + np.clip(share, 0, 1)[:, np.newaxis] * (points[rows, after] - points[rows, after - 1])
    return found
