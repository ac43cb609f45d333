import numpy as np

from worlds.trajectory import CONTACT, by_identity


def test_rows_of_bodies_that_share_an_identity_are_added_up():
    rows = [(1, 0, 2, 1.5), (1, 1, 2, 2.5), (1, 2, 3, 4.0), (2, 0, 3, 8.0), (300, 3, 4, 16.0)]
    log = by_identity(np.array(rows, CONTACT), (0, 0, 7, 250, 3))
    expected = [(1, 0, 7, 4.0), (1, 7, 250, 4.0), (2, 0, 250, 8.0), (300, 3, 250, 16.0)]
    np.testing.assert_array_equal(log, np.array(expected, CONTACT))


def test_an_empty_log_stays_empty():
    assert by_identity(np.zeros(0, CONTACT), (1, 2)).dtype == CONTACT
    assert len(by_identity(np.zeros(0, CONTACT), ())) == 0
