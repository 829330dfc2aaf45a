"""Morphology on lattices, against plain definitions and SciPy's slower ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from lungnet.preprocessing.blocks import (
    block_means,
    distances_mm,
    filled_blocks,
    highest_around,
    to_voxels,
)
from lungnet.preprocessing.masses import DIRECTIONS, NOT_MET, _steps_to_lung
from lungnet.seeds import stream

MASKS = arrays(bool, array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=7))


@given(MASKS)
def test_a_block_is_filled_where_half_of_its_voxels_are_set(mask):
    assert_array_equal(filled_blocks(mask), block_means(mask.astype(np.int16)) >= 0.5)


@given(MASKS, st.booleans())
def test_a_block_becomes_eight_voxels_cut_to_the_shape(blocks, is_odd):
    shape = tuple(2 * n - is_odd for n in blocks.shape)
    expected = np.kron(blocks, np.ones((2, 2, 2), bool))[tuple(slice(n) for n in shape)]
    assert_array_equal(to_voxels(blocks, shape), expected)


@given(MASKS)
def test_the_highest_around_is_scipys_maximum_within_the_lattice(mask):
    values = mask * stream(3, "values").random(mask.shape, np.float32)
    expected = ndimage.maximum_filter(values, size=5, mode="constant", cval=-np.inf)
    assert_array_equal(highest_around(values, 2), expected)


@pytest.mark.parametrize("spacing_mm", [(3.0, 3.0, 3.0), (4.1, 3.9, 3.9)])
def test_distances_are_euclids(spacing_mm):
    mask = stream(4, "mask").random((17, 21, 19)) < 0.003
    expected = ndimage.distance_transform_edt(~mask, spacing_mm)
    assert_allclose(distances_mm(mask, spacing_mm), expected, rtol=1e-6)


def test_distances_do_not_depend_on_where_the_memory_lies():
    mask, results, held = stream(4, "mask").random((9, 71, 91)) < 0.001, set(), []
    for n_bytes in range(1, 2000, 40):
        held += [np.empty(n_bytes, np.uint8), distances_mm(mask, (3.0, 3.0, 3.0))]
        results.add(held[-1].tobytes())
    assert len(results) == 1


def test_steps_to_lung_are_those_of_a_walk_block_by_block():
    lung = stream(5, "lung").random((5, 6, 7)) < 0.1
    for direction in DIRECTIONS:
        steps = _steps_to_lung(lung, direction)
        for block in np.ndindex(lung.shape):
            position, count = np.array(block), 0
            while (position >= 0).all() and (position < lung.shape).all():
                if lung[tuple(position)]:
                    assert steps[block] == count
                    break
                position, count = position - direction, count + 1
            else:
                assert steps[block] >= NOT_MET
