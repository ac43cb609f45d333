"""The published values, typed again from the paper's tables, and what does not fit among them."""

import pytest

from jepakit.evals.states.page.paper_values import (
    CCA,
    CSC,
    MEANS_4,
    ONSETS,
    PCA_H,
    PCA_L,
    PROXY,
    SCS,
    STUDIES,
    TABLE_2,
    TABLE_4,
    VIDEO,
    published_for,
)


def test_table_1():
    printed = {
        "causal": (7, 0.844, 0.007, 1.0),
        "random": (7, 0.020, 0.002, 43),
        "early": (4, 0.815, 0.009, 1.04),
        "equal_norm": (7, 0.569, 0.012, 1.5),
        "shuffled": (7, 0.249, 0.008, 3.4),
    }
    ours = {n: (e.layer, e.effect, e.standard_error, e.ratio) for n, e in SCS.effects.items()}
    assert ours == printed


def test_table_2():
    printed = {
        "scs": ("ViT-L", 1.0, "L7", 43, 0.88, 0.35, 0.99),
        "csc": ("ViT-L", 1.0, "L8", 2.7, 0.67, 0.32, 0.96),
        "video": ("ViT-L", 1.0, "L4", 5.3, 0.37, 0.46, 1.30),
        "scs-pca100-l": ("ViT-L", 1.0, "L6", 13, 0.78, None, None),
        "scs-pca100-h": ("ViT-H", 1.0, "L9", 54, 0.70, None, None),
        "cca": ("ViT-L to ViT-H", None, "", None, None, 1.0, 1.0),
    }
    ours = {
        key: (s.model, s.best_accuracy, s.best_layers, s.ratio, s.success, s.alignment, s.retained)
        for key, s in TABLE_2.items()
    }
    assert ours == printed


def test_table_3():
    assert (PROXY.effects["causal"].effect, PROXY.effects["random"].effect) == (0.814, 0.001)
    assert PROXY.effects["early"].effect == 0.025
    assert (PROXY.ratio, PROXY.success, PROXY.alignment, PROXY.retained) == (818, 0.99, 0.65, 0.35)
    assert ONSETS == {"proxy": (14, 0.888), "scs": (4, 0.96)}
    assert list(PROXY.used.values()) == [(84, 256)]
    assert (round(84 / 256, 2), round(585 / 1024, 2)) == (0.33, 0.57)


def test_table_4():
    printed = """PCA 7 0.253 0.979; PCA 8 0.435 1.000; PCA 9 0.350 0.999; DIM 7 0.253 0.979;
        DIM 8 0.435 1.000; DIM 9 0.350 0.999; Sparse 7 0.040 0.855; Sparse 8 0.126 0.914;
        Sparse 9 0.090 1.113"""
    rows = [line.split() for line in printed.split(";")]
    expected = [(m.lower(), int(layer), float(sas), float(rce)) for m, layer, sas, rce in rows]
    assert [(r.method, r.layer, r.alignment, r.retained) for r in TABLE_4] == expected


@pytest.mark.parametrize(
    ("name", "methods", "printed"),
    [("PCA/DIM", ("pca", "dim"), (0.346, 0.993)), ("sparse", ("sparse",), (0.085, 0.961))],
)
def test_means_of_table_4_follow_from_its_rows(name, methods, printed):
    rows = [row for row in TABLE_4 if row.method in methods]
    assert MEANS_4[name] == printed
    assert sum(r.alignment for r in rows) / len(rows) == pytest.approx(printed[0], abs=6e-4)
    assert sum(r.retained for r in rows) / len(rows) == pytest.approx(printed[1], abs=6e-4)


def test_figure_2_and_the_text():
    assert {0: 0.838, 4: 0.96, 5: 0.995}.items() <= SCS.dense.items()
    assert [b for b, v in SCS.dense.items() if v == 1.0] == list(range(7, 21))
    assert [b for b, v in SCS.sparse.items() if v == 1.0] == list(range(8, 22))
    assert SCS.used == {8: (708, 1024), 17: (585, 1024)}
    assert (round(708 / 1024, 3), round(585 / 1024, 3)) == (0.691, 0.571)
    assert (CSC.dense[0], VIDEO.dense[0], PCA_H.dense[3]) == (0.875, 0.895, 0.998)
    assert (CSC.effects["causal"].effect, CSC.effects["random"].effect) == (0.77, 0.28)
    assert (VIDEO.effects["causal"].effect, VIDEO.effects["random"].effect) == (0.55, 0.10)
    assert (PCA_L.blocks, PCA_H.blocks) == (24, 32)


@pytest.mark.parametrize("study", [SCS, CSC, VIDEO, PROXY])
def test_printed_ratios_follow_from_unrounded_effects_and_odd_ones_say_so(study):
    causal = study.effects["causal"].effect
    for name, one in study.effects.items():
        if name == "causal" or one.ratio is None:
            continue
        half = 0.0005 if study in (SCS, PROXY) else 0.005
        digits = f"{one.ratio:g}"
        last = 0.5 * 10.0 ** -len(digits.partition(".")[2])  # half a unit of the printed ratio
        assert (causal - half) / (one.effect + half) <= one.ratio + last, name
        assert (causal + half) / (one.effect - half) >= one.ratio - last, name
        agrees = abs(causal / one.effect - one.ratio) < last - 1e-9
        assert bool(one.note) == (not agrees), name


def test_notes_name_what_does_not_fit():
    assert "0.37" in " ".join(VIDEO.notes)
    assert "layer 4 onward" in " ".join(SCS.notes)
    assert "0.0196" in SCS.effects["random"].note
    assert round(0.844 / 0.0196) == 43
    assert round(0.814 / 0.000995) == 818
    assert "construction" in CCA.notes[0]


def test_studies_find_their_row():
    for key, study in STUDIES.items():
        assert published_for({"data": f"{key}, 400 clips"}) is study
        assert published_for({"data": key.upper()}) is study
    assert published_for({"model": "structured proxy", "data": "simplex code"}) is PROXY
    assert published_for({"data": "scs shuffled"}) is None
    assert published_for({"data": "pushes"}) is None
    assert published_for({}) is None


def test_portability_is_matched_by_place_after_the_chosen_layer():
    assert SCS.portability_at("sparse", 1).alignment == 0.126
    assert SCS.portability_at("pca", 3) is None
    assert CSC.portability_at("pca", 0) is None
