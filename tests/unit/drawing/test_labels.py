"""Labels stand over heads and never cover each other."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.drawing.labels import Label, draw_label, label_size, place_labels

NO_HEADS = np.zeros((0, 3), np.float32)


def boxes_of(corners, sizes):
    return [(x, y, x + w, y + h) for (x, y), (w, h) in ((c, s) for c, s in zip(corners, sizes, strict=True) if c)]


def test_a_label_stands_over_its_head():
    (corner,) = place_labels([(100, 80)], [(20, 12)], np.array([[100, 90, 10]], np.float32), (200, 200))

    assert corner == (90, 68)


def test_a_label_at_the_border_stays_inside():
    corners = place_labels([(2, 1), (199, 199)], [(20, 12), (20, 12)], NO_HEADS, (200, 200))

    assert corners[0] == (0, 0)
    assert corners[1][0] == 180


def test_two_people_at_one_place_have_two_labels_that_can_be_read():
    first, second = place_labels([(100, 100), (100, 100)], [(30, 14), (30, 14)], NO_HEADS, (200, 200))

    assert first == (85, 86)
    assert second != first
    assert abs(second[0] - first[0]) >= 30 or abs(second[1] - first[1]) >= 14


def test_a_label_makes_way_for_somebody_elses_head():
    heads = np.array([[100, 100, 10], [100, 80, 10]], np.float32)
    (corner,) = place_labels([(100, 90)], [(20, 12)], heads, (200, 200))

    assert not (corner[1] < 88 and corner[1] + 12 > 72 and corner[0] < 108 and corner[0] + 20 > 92)


def test_a_label_without_room_is_left_out():
    assert place_labels([(5, 5)], [(40, 12)], NO_HEADS, (20, 20)) == [None]
    assert place_labels([(np.nan, 5)], [(4, 4)], NO_HEADS, (20, 20)) == [None]


@given(
    st.lists(st.tuples(st.floats(-50, 370), st.floats(-50, 230), st.integers(8, 60)), min_size=1, max_size=14),
    st.integers(0, 3),
)
@settings(max_examples=40, deadline=None)
def test_no_label_covers_another_or_leaves_the_image(people, num_heads):
    heads = np.array([[x, y, 9] for x, y, _ in people[:num_heads]], np.float32).reshape(-1, 3)
    sizes = [(width, 12) for _, _, width in people]
    boxes = boxes_of(place_labels([(x, y) for x, y, _ in people], sizes, heads, (180, 320)), sizes)

    assert boxes
    for number, (x1, y1, x2, y2) in enumerate(boxes):
        assert 0 <= x1 < x2 <= 320
        assert 0 <= y1 < y2 <= 180
        for a1, b1, a2, b2 in boxes[:number]:
            assert x2 <= a1 or a2 <= x1 or y2 <= b1 or b2 <= y1


def test_a_label_fills_its_plate_and_a_line_leads_to_its_person():
    label, height = Label("12", (250, 100, 0), (60.0, 150.0)), 12
    width, tall = label_size(label.text, height)
    near, far = np.zeros((200, 200, 3), np.uint8), np.zeros((200, 200, 3), np.uint8)

    draw_label(near, label, (60 - width // 2, 150 - tall), height)
    draw_label(far, label, (150, 20), height)

    assert (near[150 - tall : 150, 60 - width // 2 : 60 + width // 2].reshape(-1, 3).max(1) > 0).all()
    assert (near[:, 100:] == 0).all()
    assert (far[80:120].max(-1) > 0).any()  # the line on its way
