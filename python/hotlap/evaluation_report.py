"""What an evaluation found: episodes, their statistics by track, and both as a table, JSON and CSV.

`docs/evaluation.md` is the normative text: what each field is, and how each figure is computed.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import os
import pathlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

VERSION = 2
_Z = 1.959963984540054  # the normal distribution's 0.975 quantile
_TEXT_COLUMNS = 1  # of the table, to the left; numbers are to the right


@dataclass(frozen=True)
class Episode:
    """One run on one track. Either `end_reason` or `error` is None.

    Attributes:
        track: its name.
        episode: its number, from 0; equal numbers drew the same on every track.
        seed: base seed of the row, 16 hexadecimal digits.
        idle_ticks: without input, before the policy drove.
        end_reason: what ended it, by the name of EndReason in small letters.
        error: what the harness did to it: `game_lost`, `row_refused` or `server_lost`.
        message: more about the error; empty without.
        finish_time_ms: race time, exact to 10 ms; None unless it finished.
        ticks: of the game that it lasted, 10 ms each.
        progress_m: along the reference line.
        checkpoints: taken, the finish included.
        splits_ms: race time at each of them: after the step that took it, but exact at the finish.
        invalid_steps: in which the game missed inputs.
        episode_return: sum of the rewards; None after an error, and so is the next.
        reward: the part of each term in it.
    """

    track: str
    episode: int
    seed: str
    idle_ticks: int
    end_reason: str | None
    error: str | None
    message: str
    finish_time_ms: int | None
    ticks: int
    progress_m: float
    checkpoints: int
    splits_ms: tuple[int, ...]
    invalid_steps: int
    episode_return: float | None
    reward: Mapping[str, float] | None


@dataclass(frozen=True)
class Perturbation:
    """What makes the episodes of a track differ.

    Attributes:
        name: `none`, `idle_start`, `observation_noise` or `start_offset`.
        most_ticks: without input; None of others.
        deviation: standard deviation of the noise, in units of the scaled column; None of others.
        most_offset_m: to either side of the start; None of others.
    """

    name: str
    most_ticks: int | None = None
    deviation: float | None = None
    most_offset_m: float | None = None


@dataclass(frozen=True)
class FinishRate:
    """Finished episodes over those without an error, and the ends of its Wilson interval of 95 %; None of no episode."""

    value: float | None
    low: float | None
    high: float | None

    @staticmethod
    def of(finished: int, n: int) -> FinishRate:
        """So many of n."""
        if n == 0:
            return FinishRate(None, None, None)
        share, square = finished / n, _Z * _Z
        whole = 1 + square / n
        centre = (share + square / (2 * n)) / whole
        half = _Z * math.sqrt(share * (1 - share) / n + square / (4 * n * n)) / whole
        return FinishRate(share, 0.0 if finished == 0 else centre - half, 1.0 if finished == n else centre + half)


@dataclass(frozen=True)
class Times:
    """Of some race times (ms): the least and the quartiles, which lie between two of them where none is in the place."""

    best: int | None
    lower_quartile: float | None
    median: float | None
    upper_quartile: float | None

    @staticmethod
    def of(times_ms: Iterable[int]) -> Times:
        """None of no time."""
        ordered = sorted(times_ms)
        if not ordered:
            return Times(None, None, None, None)
        return Times(ordered[0], *(_quartile(ordered, number) for number in (1, 2, 3)))


@dataclass(frozen=True)
class Split:
    """The race times (ms) at one checkpoint, counted from 1 over all laps; the last one of a track is the finish."""

    checkpoint: int
    passes: int
    best: int | None
    median: float | None


@dataclass(frozen=True)
class TrackReport:
    """The episodes of one track in figures; means are over those without an error, None where there is none.

    Attributes:
        track: its name.
        episodes: counted.
        finished, failed, errors: their parts.
        end_reasons: episodes by what ended them, the finish included.
        finish_rate: with its interval.
        finish_time_ms: of those that finished.
        lower_bound_ms: the server's own car cannot be faster on this track; None where others drive (games behind mapped buffers,
            a car whose mass, grip or engine is randomised).
        best_over_bound, median_over_bound: finish times over it; None without either.
        splits_ms: by checkpoint.
        mean_progress_m, mean_checkpoints, mean_return: of an episode.
        mean_reward: the part of each term in the mean return.
    """

    track: str
    episodes: int
    finished: int
    failed: int
    errors: int
    end_reasons: Mapping[str, int]
    finish_rate: FinishRate
    finish_time_ms: Times
    lower_bound_ms: int | None
    best_over_bound: float | None
    median_over_bound: float | None
    splits_ms: tuple[Split, ...]
    mean_progress_m: float | None
    mean_checkpoints: float | None
    mean_return: float | None
    mean_reward: Mapping[str, float | None]

    @staticmethod
    def of(track: str, episodes: Sequence[Episode], terms: Sequence[str], lower_bound_ms: int | None) -> TrackReport:
        """From the episodes of this track, in any order, and the names of the reward terms."""
        driven = sorted((episode for episode in episodes if episode.error is None), key=lambda one: one.episode)
        times = Times.of(episode.finish_time_ms for episode in driven if episode.finish_time_ms is not None)
        finished = sum(episode.finish_time_ms is not None for episode in driven)
        reasons = Counter(episode.end_reason for episode in driven)
        return TrackReport(
            track=track, episodes=len(episodes), finished=finished, failed=len(driven) - finished,
            errors=len(episodes) - len(driven),
            end_reasons={reason: reasons[reason] for reason in sorted(reasons, key=str) if reason is not None},
            finish_rate=FinishRate.of(finished, len(driven)), finish_time_ms=times, lower_bound_ms=lower_bound_ms,
            best_over_bound=_over(times.best, lower_bound_ms), median_over_bound=_over(times.median, lower_bound_ms),
            splits_ms=_splits(driven), mean_progress_m=_mean([episode.progress_m for episode in driven]),
            mean_checkpoints=_mean([episode.checkpoints for episode in driven]),
            mean_return=_mean([episode.episode_return for episode in driven if episode.episode_return is not None]),
            mean_reward={term: _mean([episode.reward[term] for episode in driven if episode.reward is not None])
                         for term in terms})


@dataclass(frozen=True)
class Report:
    """An evaluation. Equal arguments of `hotlap.evaluate` give equal reports: nothing in it depends on rows or on wall time.

    Attributes:
        version: of the form of the report.
        policy: what the caller calls it.
        environment: its name.
        kind: of the games: `simulated` or `tminterface`.
        policy_hash, task_hash: of the environment, 16 hexadecimal digits.
        ticks_per_step: game ticks that an action held; the resolution of splits.
        max_ticks: after which episodes were cut, in whole steps; None: when the environment cuts them.
        seed: of the evaluation.
        episodes_per_track: that were asked for; those that would have been the same run again were left out.
        perturbation: what made episodes differ.
        sampled: the policy drew its actions.
        policy_seed: from which; None: it drew none.
        reward_terms: names.
        tracks: the figures of each track, in the order asked for.
        episodes: all of them, by track and number.
    """

    version: int
    policy: str
    environment: str
    kind: str
    policy_hash: str
    task_hash: str
    ticks_per_step: int
    max_ticks: int | None
    seed: int
    episodes_per_track: int
    perturbation: Perturbation
    sampled: bool
    policy_seed: int | None
    reward_terms: tuple[str, ...]
    tracks: tuple[TrackReport, ...]
    episodes: tuple[Episode, ...]

    def json(self) -> str:
        """All of it."""
        return json.dumps(dataclasses.asdict(self), indent=1, allow_nan=False) + '\n'

    def csv(self) -> str:
        """A line per episode, below one of the columns' names; empty where nothing is known."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator='\n')
        writer.writerow(['track', 'episode', 'seed', 'idle_ticks', 'end_reason', 'error', 'message', 'finish_time_ms', 'ticks',
                         'progress_m', 'checkpoints', 'splits_ms', 'invalid_steps', 'return',
                         *(f'reward_{term}' for term in self.reward_terms)])
        for one in self.episodes:
            rewards = [one.episode_return, *(None if one.reward is None else one.reward[term] for term in self.reward_terms)]
            writer.writerow([one.track, one.episode, one.seed, one.idle_ticks, one.end_reason, one.error, one.message,
                             one.finish_time_ms, one.ticks, f'{one.progress_m:.3f}', one.checkpoints,
                             ' '.join(map(str, one.splits_ms)), one.invalid_steps,
                             *('' if reward is None else f'{reward:.6f}' for reward in rewards)])
        return out.getvalue()

    def table(self) -> str:
        """For people: a line per track, then the median splits; terms that were never paid are left out."""
        paid = [term for term in self.reward_terms if any(track.mean_reward[term] for track in self.tracks)]
        cells = [['track', 'episodes', 'finished', 'errors', 'rate', '95 %', 'best (s)', 'quartile', 'median', 'quartile',
                  'over bound', 'progress (m)', 'return', *(f'r:{term}' for term in paid)]]
        for one in self.tracks:
            rate, times = one.finish_rate, one.finish_time_ms
            interval = '-' if rate.low is None else f'{_fixed(rate.low, 2)} to {_fixed(rate.high, 2)}'
            cells.append([
                one.track, str(one.episodes), str(one.finished), str(one.errors), _fixed(rate.value, 2), interval,
                *(_clock(time) for time in (times.best, times.lower_quartile, times.median, times.upper_quartile)),
                _fixed(one.median_over_bound, 3), _fixed(one.mean_progress_m, 0), _fixed(one.mean_return, 2),
                *(_fixed(one.mean_reward[term], 2) for term in paid)])
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = ['  '.join(cell.ljust(width) if place < _TEXT_COLUMNS else cell.rjust(width)
                           for place, (cell, width) in enumerate(zip(row, widths, strict=True))) for row in cells]
        lines.insert(1, '-' * len(lines[0]))
        lines += ['', 'median splits (s)']
        lines += [f'{one.track.ljust(widths[0])}  {" ".join(_clock(split.median) for split in one.splits_ms) or "-"}'
                  for one in self.tracks]
        return '\n'.join(lines) + '\n'

    def write(self, folder: str | os.PathLike[str]) -> None:
        """Makes the folder, if there is none, and `report.json`, `episodes.csv` and `table.txt` in it."""
        place = pathlib.Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        for name, text in (('report.json', self.json()), ('episodes.csv', self.csv()), ('table.txt', self.table())):
            (place / name).write_text(text, encoding='utf-8')


def _quartile(ordered: Sequence[int], number: int) -> float:
    """Between the two that are next to its place (n - 1) * number / 4, in proportion."""
    place, part = divmod((len(ordered) - 1) * number, 4)
    if part == 0:
        return float(ordered[place])
    return (4 * ordered[place] + part * (ordered[place + 1] - ordered[place])) / 4


def _mean(values: Sequence[float]) -> float | None:
    """Added one after the other: `sum` rounds otherwise from Python 3.12 on."""
    if not values:
        return None
    total = 0.0
    for value in values:
        total += value
    return total / len(values)


def _over(time_ms: float | None, bound_ms: int | None) -> float | None:
    return None if time_ms is None or bound_ms is None else time_ms / bound_ms


def _splits(driven: Sequence[Episode]) -> tuple[Split, ...]:
    splits = []
    for place in range(max((len(episode.splits_ms) for episode in driven), default=0)):
        passes = [episode.splits_ms[place] for episode in driven if len(episode.splits_ms) > place]
        times = Times.of(passes)
        splits.append(Split(place + 1, len(passes), times.best, times.median))
    return tuple(splits)


def _fixed(value: float | None, decimals: int) -> str:
    return '-' if value is None else f'{value:.{decimals}f}'


def _clock(time_ms: float | None) -> str:
    """1:14.10 or 17.23."""
    if time_ms is None:
        return '-'
    minutes, hundredths = divmod(math.floor(time_ms / 10 + 0.5), 6000)
    return f'{minutes}:{hundredths / 100:05.2f}' if minutes else f'{hundredths / 100:.2f}'
