import pytest

from jepakit.counted import counted


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 seeds"), (1, "1 seed"), (2, "2 seeds"), (21, "21 seeds")]
)
def test_one_takes_no_s(number, text):
    assert counted(number, "seed") == text
