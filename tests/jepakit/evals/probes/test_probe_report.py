"""A probe suite on a page and in a file."""

from made_up_probes import probe_result

from jepakit.evals.pages.report import Section, build_report
from jepakit.evals.probes.probe_report import probe_forest, probe_parts
from jepakit.evals.probes.probe_result import ProbeResult


def test_probe_parts_tell_scores_reasons_and_method():
    html = build_report([Section("Probes", probe_parts(probe_result()))])
    assert "0.600 *<small>[0.550, 0.650]</small>" in html
    assert "3 positive clips" in html
    assert "2000 draws of whole groups" in html
    assert "<td>small</td>" in html


def test_probe_parts_without_any_score_still_say_why():
    html = build_report([Section("Probes", probe_parts(probe_result(scored=False)))])
    assert "3 positive clips" in html
    assert "<img" not in html


def test_forest_of_a_result_has_a_row_per_label():
    axes = probe_forest(probe_result()).axes
    assert [axis.get_title(loc="left") for axis in axes] == ["AUROC (higher is better)"]
    assert [text.get_text() for text in axes[0].get_yticklabels()] == ["solved"]


def test_result_survives_its_file(tmp_path):
    probe_result().write(tmp_path)
    assert ProbeResult.read(tmp_path) == probe_result()
