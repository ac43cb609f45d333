"""Clips of video files and still images, decoded while training.

Parts (``__init__.pyi`` lists them) are imported when they are asked for: preparing data reads
videos without waiting for torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
