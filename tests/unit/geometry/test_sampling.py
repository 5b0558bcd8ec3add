"""Maps read at places: identity, whole shifts, outside."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.errors import ShapeError
from videopose.geometry.affine import translation
from videopose.geometry.sampling import cell_centers, moved_cells, sample_maps


def places_for(matrix, size_hw):
    return torch.from_numpy(moved_cells(np.asarray(matrix)[None], size_hw))


def test_every_cell_read_at_its_own_centre_is_the_map():
    maps = torch.randn(1, 3, 6, 5)

    assert torch.allclose(sample_maps(maps, torch.from_numpy(cell_centers((6, 5)))[None]), maps, atol=1e-5)


@settings(deadline=None, max_examples=25)
@given(x=st.integers(-7, 7), y=st.integers(-7, 7))
def test_a_whole_shift_moves_cells_and_fills_the_rest(x, y):
    maps = torch.randn(1, 2, 6, 5)
    expected = torch.full_like(maps, 0.0) + maps.amin((2, 3), keepdim=True)
    for row in range(6):
        for column in range(5):
            if 0 <= row + y < 6 and 0 <= column + x < 5:
                expected[..., row, column] = maps[..., row + y, column + x]

    assert torch.allclose(sample_maps(maps, places_for(translation(x, y), (6, 5))), expected, atol=1e-5)


def test_outside_may_be_zero():
    maps = torch.ones(1, 1, 4, 4)

    assert sample_maps(maps, places_for(translation(9, 0), (4, 4)), outside="zero").abs().max() == 0


def test_places_of_another_number_of_maps_are_refused():
    with pytest.raises(ShapeError, match="places"):
        sample_maps(torch.ones(2, 1, 4, 4), places_for(np.eye(3), (4, 4)))
