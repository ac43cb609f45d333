import json
import math

import pytest

from jepakit.data.metadata import MAX_BYTES, build_meta, decode_meta, encode_meta


@pytest.fixture
def meta(form):
    return build_meta(
        "a-1",
        form,
        source="noise",
        licence="CC0-1.0",
        fps=4.0,
        objects=[{"id": 1}, {"id": 2}],
        labels={"solved": 1.0, "unknown": math.nan},
        counterfactuals=[2],
    )


def test_round_trip_keeps_undefined_labels(meta, form):
    data = encode_meta(meta, "a-1", form)
    assert json.loads(data)["labels"]["unknown"] is None
    read = decode_meta(data, "a-1", form)
    assert math.isnan(read["labels"].pop("unknown"))
    assert read["labels"] == {"solved": 1.0}
    assert read["times"] == [0.0, 0.25, 0.5, 0.75]


def test_what_could_not_be_read_again_is_not_written(meta, form):
    text = "\u00e9" * (MAX_BYTES // 6)  # six bytes each in JSON
    with pytest.raises(ValueError, match=rf"at most {MAX_BYTES} are read"):
        encode_meta({**meta, "details": {"caption": text}}, "a-1", form)


@pytest.mark.parametrize("key", ["", "A", "a.b", "a/b", "../a", "a b", "é", "a" * 81, "a\n"])
def test_keys(meta, form, key):
    with pytest.raises(ValueError, match="1 to 80 of a-z"):
        encode_meta({**meta, "key": key}, key, form)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": 2}, "'schema' should be 1, came 2"),
        ({"schema": True}, "'schema' has the wrong type"),
        ({"key": "b"}, "'key' should be 'a-1', came 'b'"),
        ({"size": [4, 32, 31]}, "'size' should be"),
        ({"fps": "8"}, "'fps' has the wrong type"),
        ({"times": [0.0]}, "4 frame times expected, came 1"),
        ({"objects": [{"id": 2}]}, "1, 2, ... in order"),
        ({"objects": [{"id": 1}, {"id": 1}]}, "1, 2, ... in order"),
        ({"objects": [1]}, "1, 2, ... in order"),
        ({"objects": [{"id": i} for i in range(1, 257)]}, "at most 255"),
        ({"counterfactuals": [3]}, "must be different ids"),
        ({"counterfactuals": [1, 1]}, "must be different ids"),
        ({"counterfactuals": [True]}, "must be different ids"),
        ({"labels": {"solved": "yes"}}, "finite number or null, came 'yes'"),
        ({"labels": {"solved": True}}, "finite number or null"),
        ({"labels": []}, "'labels' has the wrong type"),
        ({"surprise": 1}, "exactly the fields"),
    ],
)
def test_refusals_when_read(meta, form, change, words):
    data = json.dumps({**meta, "labels": {}, **change}).encode()
    with pytest.raises(ValueError, match=words):
        decode_meta(data, "a-1", form)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"[]", "exactly the fields"),
        (b"{", "Expecting"),
        (b"\xff", "codec"),
        (b'{"fps": NaN}', "NaN is not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b" " * (MAX_BYTES + 1), "at most"),
    ],
)
def test_not_metadata(form, data, words):
    with pytest.raises(ValueError, match=words):
        decode_meta(data, "a-1", form)


def test_a_missing_field_is_named(meta, form):
    del meta["licence"]
    with pytest.raises(ValueError, match="licence"):
        encode_meta(meta, "a-1", form)
