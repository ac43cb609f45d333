import pickle

from data_prep.engines.carried_error import carried


class Closed(Exception):
    """Cannot be built from its message alone."""

    def __init__(self, name, *, code):
        super().__init__(f"{name} {code}")


def caught(error):
    try:
        raise error
    except Exception as raised:
        return pickle.loads(carried(raised))


def test_an_error_arrives_with_its_type_and_place():
    error = caught(OSError(28, "No space left"))
    assert type(error) is OSError
    assert error.errno == 28
    assert "in caught" in error.__notes__[0]


def test_an_error_that_does_not_travel_is_told():
    error = caught(Closed("valve", code=3))
    assert type(error) is RuntimeError
    assert str(error) == "Closed: valve 3"
    assert "in caught" in error.__notes__[0]
