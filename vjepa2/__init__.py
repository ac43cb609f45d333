"""V-JEPA 2: masked pretraining, world models on actions, published checkpoints in and out.

Parts (``__init__.pyi`` lists them) are imported when they are asked for: programs of the package
answer without waiting for torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
