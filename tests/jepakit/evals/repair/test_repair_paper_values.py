"""What the paper prints, typed anew, and that its columns add up."""

import pytest

from jepakit.evals.repair.page.paper_values import (
    PROXY,
    TABLE_1,
    TABLE_2,
    TABLE_3,
    TABLE_4,
    kind_of,
    model_of_paper,
    slice_of_paper,
)
from jepakit.evals.repair.site_groups import PAIR, SINGLE, TRIPLE


def test_table_1():
    typed = {
        "Pets 4x3": (0.2214, 0.1035, 0.1179),
        "Pets 8x3": (0.2410, 0.0989, 0.1420),
        "Pets 12x3": (0.2435, 0.0983, 0.1451),
        "Pets 16x3": (0.2481, 0.0980, 0.1501),
        "VOC 8x3": (0.1505, 0.0988, 0.0518),
    }
    assert {k: (v.object, v.background, v.advantage) for k, v in TABLE_1.items()} == typed
    for one in TABLE_1.values():
        assert one.object - one.background == pytest.approx(one.advantage, abs=1.01e-4)
    assert TABLE_1["VOC 8x3"].wins == (19, 24)


def test_table_2():
    typed = {
        "Pets 8x3": ((0.1216, 0.4408), (0.1747, 0.6108), (0.1831, 0.6348)),
        "Pets 12x3": ((0.1218, 0.4336), (0.1764, 0.6077), (0.1854, 0.6361)),
        "Pets 16x3": ((0.1238, 0.4306), (0.1785, 0.6039), (0.1882, 0.6336)),
        "VOC 8x3": ((0.0662, 0.3552), (0.0948, 0.5146), (0.1006, 0.5400)),
    }
    for name, groups in typed.items():
        for group, values in zip((SINGLE, PAIR, TRIPLE), groups, strict=True):
            one = TABLE_2[name][group]
            assert (one.absolute, one.fraction) == values


def test_tables_3_and_4_and_the_text():
    rows = [(one.name, one.advantage, one.wins, one.images) for one in TABLE_3.values()]
    assert rows == [
        ("I-JEPA (vith14_1k)", 0.1420, 23, 24),
        ("I-JEPA (vith14_22k)", 0.0938, 24, 24),
        ("BEiT base", 0.2601, 23, 24),
        ("ViT-MAE base", -0.0059, 10, 24),
    ]
    assert {key: (one.hidden, one.context) for key, one in TABLE_4.items()} == {
        "Pets 4x3": (52.4, 203.6),
        "Pets 8x3": (54.1, 201.9),
        "Pets 16x3": (55.8, 200.2),
    }
    assert all(one.hidden + one.context == pytest.approx(256) for one in TABLE_4.values())
    assert (PROXY.clean, PROXY.object, PROXY.background) == (0.0179, 0.2998, 0.1184)
    assert PROXY.rescue == {SINGLE: 0.1100, PAIR: 0.1512, TRIPLE: 0.1505}


def test_what_stands_beside_what():
    assert slice_of_paper("pets", "12x3") == "Pets 12x3"
    assert slice_of_paper("voc", "8x3") == "VOC 8x3"
    assert slice_of_paper("coco", "8x3") is None
    assert slice_of_paper("pets", "all") is None
    assert kind_of({"data": "a (b)/folder (scene_clips)"}) == "scene_clips"
    assert kind_of({}) == ""
    names = {
        "facebook+ijepa_vith14_1k": "I-JEPA (vith14_1k)",
        "ijepa_vith14_22k": "I-JEPA (vith14_22k)",
        "beit-base-patch16-224": "BEiT base",
        "vit-mae-base": "ViT-MAE base",
    }
    for name, expected in names.items():
        found = model_of_paper(name)
        assert found is not None
        assert found.name == expected
        assert model_of_paper(f"{name}, random init") is None
    assert model_of_paper("demo") is None
    assert model_of_paper("maestro") is None
