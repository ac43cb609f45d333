import math

import pytest
import torch

from jepakit.nn.positions import PositionEmbedding, sincos_table


def test_table_is_the_formula_per_axis() -> None:
    table = sincos_table((2, 3, 4), 20)  # shares 8, 6, 6: time gets what is left
    token = (1 * 3 + 2) * 4 + 3
    expected = []
    for position, width in ((1, 8), (2, 6), (3, 6)):
        m = width // 2
        angles = [position * 10000 ** (-i / m) for i in range(m)]
        expected += [math.sin(a) for a in angles] + [math.cos(a) for a in angles]
    torch.testing.assert_close(table[token], torch.tensor(expected))
    assert table.shape == (24, 20)


def test_every_token_has_its_own_position() -> None:
    table = sincos_table((4, 5, 6), 24)
    distances = torch.cdist(table, table) + 9 * torch.eye(120)
    assert distances.min() > 0.1


def test_a_still_image_spends_nothing_on_time() -> None:
    image, row = sincos_table((1, 3, 3), 8), sincos_table((1, 1, 9), 8)
    assert (image[0] == torch.tensor([0.0, 0, 1, 1] * 2)).all()
    torch.testing.assert_close(row[1, 0], torch.tensor(math.sin(1)))


def test_learned_positions_get_gradients_only_where_read() -> None:
    embed = PositionEmbedding(6, grid=(1, 2, 2), kind="learned")
    embed(torch.tensor([1, 3, 3])).sum().backward()
    assert embed.table.grad[:, 0].tolist() == [0, 1, 0, 2]
    assert "table" in embed.state_dict()
    assert not PositionEmbedding(6, grid=(1, 2, 2)).state_dict()


@pytest.mark.parametrize(("grid", "width"), [((2, 2, 2), 9), ((2, 2, 2), 4)])
def test_refuses_widths_without_a_pair_per_axis(grid: tuple[int, int, int], width: int) -> None:
    with pytest.raises(ValueError, match=rf"over 3 axes need an even width.*came {width}"):
        sincos_table(grid, width)
