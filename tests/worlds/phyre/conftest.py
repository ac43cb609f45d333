import numpy as np
import pytest

from worlds.phyre import find_tasks, load_tasks
from worlds.phyre.task_file import PLACES

RECORDS = PLACES[1].parent


@pytest.fixture(scope="session")
def official():
    """The official tasks by identity."""
    path = find_tasks()
    if path is None:
        pytest.skip(f"no PHYRE task file: none of {', '.join(map(str, PLACES))} exists")
    return load_tasks(path)


@pytest.fixture(scope="session", params=["ball", "two_balls"])
def record(request):
    """Records of the official simulator of one tier."""
    path = RECORDS / f"phyre_{request.param}_reference.npz"
    if not path.is_file():
        pytest.skip(f"no records of the official simulator: {path} does not exist")
    return dict(np.load(path))
