from data_prep.engines.tally import Tally
from data_prep.progress import ClipProgress


def test_rates_count_this_run_alone():
    now = [100.0]
    progress = ClipProgress(50, clock=lambda: now[0])
    tallies = [Tally(), Tally()]
    progress.follow(tallies)
    assert progress.text() == "0 clips, 0.0 clips/s"
    tallies[0].keep(20)  # of an earlier run
    for _ in range(5):
        tallies[1].begin(0)
        tallies[1].add_clip()
        tallies[1].add_clip()
        tallies[1].end()
    now[0] += 4.0
    assert progress.items == 25
    # 5 items in 4 s, 25 are left
    assert progress.text() == "10 clips, 2.5 clips/s, 0:00:20 left"
    tallies[0].keep(25)
    assert progress.text() == "10 clips, 2.5 clips/s"


def test_the_bar_shows_the_end_even_if_nobody_looked(capsys):
    with ClipProgress(3) as progress:
        tally = Tally()
        progress.follow([tally])
        tally.keep(3)
    assert "3/3 0 clips" in " ".join(capsys.readouterr().out.split())


def test_a_tally_knows_the_item_in_progress():
    tally = Tally(item=-1)
    tally.begin(7)
    assert tally.item == 7
    tally.end()
    assert (tally.item, tally.made, tally.clips, tally.kept) == (-1, 1, 0, 0)
