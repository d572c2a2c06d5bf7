"""Batches as they lie in a reply's frames."""

import numpy as np
import pytest

from hotlap.errors import BadReply
from hotlap.protocol import Attachment, BatchReader

ROWS, SIZE = 3, 5


def reader_of(autoreset, observations='f32'):
    return BatchReader(Attachment(
        environment='default', settings='', rows=ROWS, autoreset=autoreset, observations=observations, observation_size=SIZE,
        info=('ticks', 'progress'), info_is_float=(False, True), policy_hash=0, task_hash=0, kinds=(), warning=''))


def frame_of(*arrays):
    frame = b''
    for array in arrays:
        frame = frame.ljust((len(frame) + 63) // 64 * 64, b'\0') + array.tobytes()
    return frame


def batch_of(truncated=(0, 0, 0), status=(0, 0, 0), dtype=np.float32):
    rewards, info = np.array([1, 2, 3], np.float32), np.array([[5, 5, 5], [7, 8, 9]], np.float32)
    info.view(np.int32)[0] = 5
    return frame_of(np.arange(ROWS * SIZE, dtype=dtype).reshape(ROWS, SIZE), rewards, np.zeros(ROWS, np.uint8),
                    np.array(truncated, np.uint8), np.array(status, np.uint8), info)


@pytest.mark.parametrize('shift', range(4))
@pytest.mark.parametrize('observations', ['f32', 'f16'])
def test_a_batch_is_read_wherever_it_lies_in_memory(shift, observations):
    sent = batch_of((0, 1, 0), (0, 0, 2), np.float16 if observations == 'f16' else np.float32)
    frame = memoryview(bytearray(shift) + sent)[shift:]
    batch = reader_of('next_step', observations).read([frame], None, 'step')
    assert batch.observations.dtype == np.float32
    np.testing.assert_array_equal(batch.observations, np.arange(ROWS * SIZE).reshape(ROWS, SIZE))
    assert batch.rewards.tolist() == [1, 2, 3]
    assert batch.terminated.tolist() == [False] * 3
    assert batch.truncated.tolist() == [False, True, False]
    assert batch.status.tolist() == [0, 0, 2]
    assert (batch.info['ticks'].tolist(), batch.info['progress'].tolist()) == ([5] * 3, [7, 8, 9])
    assert list(batch.info) == ['ticks', 'progress']
    assert not batch.is_plain
    assert reader_of('next_step').read([batch_of()], None, 'step').is_plain


def test_finals_are_those_of_the_rows_that_have_ended():
    finals = frame_of(np.full((1, SIZE), 2, np.float32), np.array([[4], [6]], np.int32))
    batch = reader_of('same_step').read([batch_of((0, 1, 0)), finals], np.array([4, 9, 6], np.int32), 'step')
    assert batch.final_rows.tolist() == [9]
    assert batch.final_observations.tolist() == [[2] * SIZE]
    assert batch.final_info['ticks'].tolist() == [4]


def test_a_game_that_is_lost_as_its_episode_begins_has_no_finals():
    batch = reader_of('same_step').read([batch_of((1, 1, 1)), b''], None, 'reset')
    assert batch.truncated.all()
    assert len(batch.final_rows) == len(batch.final_observations) == 0


@pytest.mark.parametrize(('frames', 'named'), [([], 'number of arrays'), ([batch_of()], 'number of arrays'),
                                               ([batch_of()[:-1], b''], "'batch'"), ([batch_of((0, 1, 0)), b''], "'finals'"),
                                               ([batch_of(), b'1234'], "'finals'")])
def test_frames_of_another_number_or_size_are_refused_by_name(frames, named):
    with pytest.raises(BadReply, match=named):
        reader_of('same_step').read(frames, None, 'step')
