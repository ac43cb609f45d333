import logging

import pytest

from jepakit.data.faults import FaultLedger


def test_counts_different_samples_and_says_each_once(caplog):
    ledger = FaultLedger(1000, 0.002)
    with caplog.at_level(logging.WARNING):
        ledger.add({"a": "a.tar, sample 'a': damaged"})
        ledger.add({"a": "a.tar, sample 'a': damaged", "b": "b damaged"})
    assert len(ledger) == 2
    assert [record.getMessage() for record in caplog.records] == [
        "Skipped damaged sample 1: a.tar, sample 'a': damaged",
        "Skipped damaged sample 2: b damaged",
    ]


def test_above_the_budget_the_list_is_shown():
    ledger = FaultLedger(1000, 0.002)
    ledger.add({"a": "reason a", "b": "reason b"})
    with pytest.raises(ValueError, match=r"3 damaged samples, .* allows 2 of 1000") as caught:
        ledger.add({"c": "reason c"})
    assert all(f"  reason {key}" in str(caught.value) for key in "abc")


def test_no_budget_tolerates_nothing_and_a_small_one_rounds_up():
    assert FaultLedger(300, 0.0).allowed == 0
    assert FaultLedger(300, 0.001).allowed == 1
    with pytest.raises(ValueError, match="1 damaged samples"):
        FaultLedger(300, 0.0).add({"a": "reason"})


@pytest.mark.parametrize("budget", [-0.1, 1.5])
def test_a_budget_is_a_share(budget):
    with pytest.raises(ValueError, match="share between 0 and 1"):
        FaultLedger(10, budget)
