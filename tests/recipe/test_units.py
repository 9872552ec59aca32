"""Units: what people write comes back as exactly the number meant, and what is ambiguous is refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calame.recipe.units import (
    parse_bytes,
    parse_duration,
    parse_share,
    parse_tokens,
    parse_vocabulary,
    say_bytes,
    say_count,
    say_seconds,
)

whole = st.integers(0, 10**21)


@given(whole)
def test_a_whole_number_means_itself_as_number_and_as_text(number):
    grouped = f"{number:_}"
    for parse in (parse_tokens, parse_bytes, parse_vocabulary):
        assert parse(number) == parse(str(number)) == parse(grouped) == number
    assert parse_tokens(f" {number:,} ".replace(",", " ")) == number  # 1 000 000, as the French write it


@given(st.integers(0, 10**6), st.integers(0, 999), st.sampled_from([("k", 3), ("M", 6), ("B", 9), ("T", 12)]))
def test_tokens_in_units_are_exact(number, thousandths, unit):
    sign, power = unit
    expected = (number * 1000 + thousandths) * 10 ** (power - 3)
    assert parse_tokens(f"{number}.{thousandths:03d}{sign}") == expected
    assert parse_tokens(f"{number}.{thousandths:03d} {sign.lower()}") == expected


@given(st.integers(0, 10**6), st.sampled_from([("B", 0), ("kB", 3), ("MB", 6), ("GB", 9), ("TB", 12), ("M", 6)]))
def test_bytes_in_units_are_decimal(number, unit):
    assert parse_bytes(f"{number}{unit[0]}") == parse_bytes(f"{number} {unit[0].lower()}") == number * 10 ** unit[1]


@given(st.integers(0, 10**6))
def test_a_thousand_of_vocabulary_is_1024(number):
    assert parse_vocabulary(f"{number}k") == 1024 * number


@given(st.decimals(0, 100, places=3))
def test_a_share_is_a_number_or_a_percentage(percent):
    assert parse_share(f"{percent}%") == pytest.approx(float(percent) / 100, abs=1e-12)
    assert parse_share(float(percent) / 100) == parse_share(repr(float(percent) / 100)) == float(percent) / 100


@pytest.mark.parametrize("text", ["", "k", "1.5", "0.0001k", "1e6", "-3", "3 parsecs", "3x", "1..2", "1_0", "true"])
def test_what_is_no_count_of_tokens_is_refused(text):
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        parse_tokens(text)


@pytest.mark.parametrize("parse", [parse_tokens, parse_bytes, parse_vocabulary, parse_share])
@pytest.mark.parametrize("value", [True, None, [1], {"a": 1}, "many", "1..2", "3 parsecs"])
def test_what_is_no_number_is_a_value_error(parse, value):
    with pytest.raises(ValueError, match=re.escape(repr(value))):
        parse(value)


@pytest.mark.parametrize("text", ["1,5M", "1,500", "2,5%"])
@pytest.mark.parametrize("parse", [parse_tokens, parse_bytes, parse_share])
def test_a_comma_is_refused_since_it_means_two_things(parse, text):
    with pytest.raises(ValueError, match="comma"):
        parse(text)


@pytest.mark.parametrize("text", ["3bb", "3mbb", "3MiB", "3 octets"])
def test_units_of_bytes_that_do_not_exist(text):
    with pytest.raises(ValueError, match="unit"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (999.7, "1k"), (1_234_567, "1.23M"), (999_999, "1M"), (2e9, "2B"), (3e12, "3T")],
)
def test_counts_are_said_in_three_digits(number, text):
    assert say_count(number) == text


@given(st.floats(0, 1e20))
def test_a_count_is_never_said_with_an_exponent(number):
    if number >= 0.001:
        assert "e" not in say_count(number) + say_bytes(number)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.7, "1 min 00 s"), (75, "1 min 15 s"), (3600, "1 h 00 min")]
)
def test_seconds_are_said_in_two_units(seconds, text):
    assert say_seconds(seconds) == text


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_durations_add_up(days, hours, minutes, seconds):
    whole = 86_400 * days + 3600 * hours + 60 * minutes + seconds
    assert parse_duration(f"{days}d{hours}h{minutes}m{seconds}s") == whole
    assert parse_duration(f" {days} d {hours} h {minutes} min {seconds} s ") == whole
    assert parse_duration(f"{hours}h") == 3600 * hours and parse_duration(f"{minutes}.5m") == 60 * minutes + 30
    assert parse_duration(whole) == whole


@pytest.mark.parametrize("text", ["", " ", "8", "8x", "h", "1m1h", "-1h", "1,5h", "soon", None, True])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)
