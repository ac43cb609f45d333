import dataclasses
import json

import numpy as np
import pytest

from jepakit.data.members import NAME, encode_sample


def test_members_are_the_ones_of_the_schema_training_first(make_sample, form):
    encoded = encode_sample(make_sample("a", counterfactuals=2), form)
    assert list(encoded.members) == [
        *("json", "png", "coverage", "labels", "states", "contacts"),
        *("cf1.png", "cf1.labels", "cf2.png", "cf2.labels"),
    ]
    assert all(NAME.fullmatch(name) for name in encoded.members)
    assert (encoded.objects, encoded.counterfactuals) == (2, 2)
    assert json.loads(encoded.members["json"])["counterfactuals"] == [1, 2]


def test_areas_come_from_the_labels(make_sample, form):
    sample = make_sample("a", objects=1)
    sample.labels[:] = 0
    sample.labels[1, :16] = 1
    meta = json.loads(encode_sample(sample, form).members["json"])
    assert meta["objects"][0]["area"] == [0.0, 0.5, 0.0, 0.0]


def test_255_objects_and_none(make_sample, form):
    for objects in (0, 255):
        assert encode_sample(make_sample("a", objects=objects), form).objects == objects


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"key": "a.b"}, "Key 'a.b'"),
        ({"frames": np.zeros((4, 32, 32, 3), np.float32)}, "'frames' must be uint8"),
        ({"frames": np.zeros((4, 32, 16, 3), np.uint8)}, "came uint8 \\(4, 32, 16, 3\\)"),
        ({"labels": np.zeros((4, 32, 32), np.int64)}, "'labels' must be uint8"),
        ({"labels": np.full((4, 32, 32), 3, np.uint8)}, "names object 3, .* 2 entries"),
        ({"states": np.zeros((4, 2, 6), np.int32)}, "'states' must have"),
        ({"contacts": np.zeros(3)}, "'contacts' must have"),
    ],
)
@pytest.mark.filterwarnings("ignore::beartype.roar.BeartypeWarning")
def test_refusals_name_the_sample(make_sample, form, change, words):
    fields = vars(make_sample("clip-7")) | change
    # Built without __init__: annotations are enforced in tests, and users run without them.
    sample = object.__new__(type(make_sample("x")))
    for name, value in fields.items():
        object.__setattr__(sample, name, value)
    with pytest.raises(ValueError, match=words) as caught:
        encode_sample(sample, form)
    assert str(caught.value).startswith(f"Sample '{fields['key']}'")


def test_a_counterfactual_must_lack_its_object(make_sample, form):
    sample = make_sample("a", counterfactuals=1)
    sample.counterfactuals[1].labels[2, 3, 4] = 1
    with pytest.raises(ValueError, match="without object 1 still shows it"):
        encode_sample(sample, form)


def test_a_counterfactual_of_an_unknown_object(make_sample, form):
    sample = make_sample("a", counterfactuals=1)
    sample = dataclasses.replace(sample, counterfactuals={5: sample.counterfactuals[1]})
    with pytest.raises(ValueError, match="different ids of the 2 objects"):
        encode_sample(sample, form)
