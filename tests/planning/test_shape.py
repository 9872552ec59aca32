"""From text, card and hours to a shape: within the time, in whole rows and heads, each number with its reason."""

from hypothesis import given
from hypothesis import strategies as st

from calame.planning.shape import SHAPES, Speed, Value, shape_for

sizes = st.integers(200_000, 10**12)
speeds = st.floats(1e9, 1e15).map(lambda flops: Speed(flops, "a test"))


@given(sizes, speeds, st.none() | st.floats(0.01, 10_000))
def test_any_shape_is_in_whole_rows_and_heads_and_has_reasons(size, speed, hours):
    shape = shape_for(size, speed, hours)
    assert (int(shape.hidden_size.value), int(shape.layers.value)) in SHAPES
    assert shape.hidden_size.value % 64 == 0
    assert shape.batch.value % shape.context.value == 0
    assert 512 <= shape.vocabulary.value <= 32_768
    assert 0 < shape.rate.value <= 4e-3
    assert all(part.reason for part in vars(shape).values() if isinstance(part, Value))


@given(sizes, speeds, st.floats(0.01, 10_000))
def test_the_time_given_is_kept_and_the_text_is_not_read_more_often_for_it(size, speed, hours):
    shape, unlimited = shape_for(size, speed, hours), shape_for(size, speed, None)
    assert shape.seconds <= hours * 3600
    assert shape.tokens.value <= unlimited.tokens.value
    assert shape.parameters <= unlimited.parameters


@given(sizes, sizes, speeds)
def test_more_text_never_means_a_smaller_model(one, other, speed):
    small, large = (shape_for(size, speed, None) for size in sorted((one, other)))
    assert small.parameters <= large.parameters
    assert small.tokens.value <= large.tokens.value


def test_more_time_never_means_fewer_parameters():
    found = [shape_for(10**10, Speed(1e14, "a test"), hours).parameters for hours in (0.1, 1, 10, 100, None)]
    assert found == sorted(found) and found[0] < found[2] < found[-1]
