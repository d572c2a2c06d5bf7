"""The server's random numbers, on this side."""

import numpy as np

from hotlap.random_stream import RandomStream

TRACK = 4  # RandomPurpose::kTrack


def test_first_draw_of_seed_zero_is_the_servers():
    assert RandomStream(0, 0, TRACK).bits([0]).tolist() == [0x967e49a6cc979914]  # as in tests/env/random_test.cc


def test_draws_depend_on_their_key_and_number_alone():
    every = RandomStream(2**64 - 1, 3, TRACK).bits(np.arange(8))
    np.testing.assert_array_equal(RandomStream(2**64 - 1, 3, TRACK).bits([5, 2]), every[[5, 2]])
    others = [RandomStream(*key).bits(np.arange(8)) for key in ((2**64 - 2, 3, TRACK), (2**64 - 1, 4, TRACK), (2**64 - 1, 3, 5))]
    assert len(np.unique([every, *others])) == 32


def test_bells_have_mean_zero_variance_one_and_bounds():
    bells = RandomStream(1, 2, TRACK).bell(np.arange(100_000))
    assert bells.dtype == np.float32
    assert abs(bells.mean()) < 0.015
    assert abs(bells.var() - 1) < 0.015
    assert np.abs(bells).max() < 3.4642
