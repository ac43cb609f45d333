"""Clips to look at: generated scenes that know the truth, and videos that people bring along.

Parts (``__init__.pyi`` lists them) are imported when they are asked for: a video is probed in a
process that should not wait for torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
