"""Published values of the paper on late semantic repair, for reference; none measured by us."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from jepakit.evals.repair.site_groups import PAIR, SINGLE, TRIPLE

PAPER = "A Late Semantic Repair Pathway in I-JEPA's Visual World Model"
MODEL = "I-JEPA ViT-H/14, ImageNet-1k"
DEPTH = 32
LATE = (30, 31)
TOKENS = 256
MAIN = "Pets 8x3"
"""The slice on which the paper chose its groups and compares models."""


@dataclass(frozen=True)
class PublishedDrift:
    """A line of Table 1: late context drift, means over images."""

    object: float
    background: float
    advantage: float
    wins: tuple[int, int] | None = None


@dataclass(frozen=True)
class PublishedRescue:
    """A line of Table 2: late context drift taken back, and the mean of the images' shares."""

    absolute: float
    fraction: float


@dataclass(frozen=True)
class PublishedModel:
    """A line of Table 3."""

    name: str
    advantage: float
    wins: int
    images: int = 24


@dataclass(frozen=True)
class PublishedTokens:
    """A column of Table 4: mean tokens that are hidden, of either region, and that are left."""

    hidden: float
    context: float


@dataclass(frozen=True)
class PublishedProxy:
    """Section 3.6, on 16x3: late blocks to the last, a ridge that is not stated.

    Attributes:
        clean: drift of the prediction from clean tokens, all tokens.
        object: of visible tokens where the object is hidden.
        background: where as much background is.
        rescue: what patching takes back of ``object``, by group.
    """

    clean: float
    object: float
    background: float
    rescue: Mapping[str, float]


TABLE_1: Mapping[str, PublishedDrift] = {
    "Pets 4x3": PublishedDrift(0.2214, 0.1035, 0.1179),
    "Pets 8x3": PublishedDrift(0.2410, 0.0989, 0.1420, (23, 24)),
    "Pets 12x3": PublishedDrift(0.2435, 0.0983, 0.1451),
    "Pets 16x3": PublishedDrift(0.2481, 0.0980, 0.1501),
    "VOC 8x3": PublishedDrift(0.1505, 0.0988, 0.0518, (19, 24)),
}
"""By slice; wins of 8x3 from Table 3, of VOC from section 3.2."""

TABLE_2: Mapping[str, Mapping[str, PublishedRescue]] = {
    "Pets 8x3": {
        SINGLE: PublishedRescue(0.1216, 0.4408),
        PAIR: PublishedRescue(0.1747, 0.6108),
        TRIPLE: PublishedRescue(0.1831, 0.6348),
    },
    "Pets 12x3": {
        SINGLE: PublishedRescue(0.1218, 0.4336),
        PAIR: PublishedRescue(0.1764, 0.6077),
        TRIPLE: PublishedRescue(0.1854, 0.6361),
    },
    "Pets 16x3": {
        SINGLE: PublishedRescue(0.1238, 0.4306),
        PAIR: PublishedRescue(0.1785, 0.6039),
        TRIPLE: PublishedRescue(0.1882, 0.6336),
    },
    "VOC 8x3": {
        SINGLE: PublishedRescue(0.0662, 0.3552),
        PAIR: PublishedRescue(0.0948, 0.5146),
        TRIPLE: PublishedRescue(0.1006, 0.5400),
    },
}
"""By slice and group; context patches while the object is hidden."""

TABLE_3: Mapping[str, PublishedModel] = {
    "vith14_1k": PublishedModel("I-JEPA (vith14_1k)", 0.1420, 23),
    "vith14_22k": PublishedModel("I-JEPA (vith14_22k)", 0.0938, 24),
    "beit": PublishedModel("BEiT base", 0.2601, 23),
    "mae": PublishedModel("ViT-MAE base", -0.0059, 10),
}
"""By what a folder of the model's weights has in its name; all on Pets 8x3."""

TABLE_4: Mapping[str, PublishedTokens] = {
    "Pets 4x3": PublishedTokens(52.4, 203.6),
    "Pets 8x3": PublishedTokens(54.1, 201.9),
    "Pets 16x3": PublishedTokens(55.8, 200.2),
}
"""By slice; object and background hide equally many. 12x3 is not printed."""

PROXY = PublishedProxy(
    clean=0.0179,
    object=0.2998,
    background=0.1184,
    rescue={SINGLE: 0.1100, PAIR: 0.1512, TRIPLE: 0.1505},
)

TENSIONS = (
    "The appendix says a 14x14 grid where its Table 4 adds up to 256 tokens, 16x16.",
    "0.1216 and 0.4408 would need a base drift of 0.276 where Table 1 has 0.2410: the fraction is "
    "the mean of per-image ratios, the ratio of the means is 0.505.",
    '"Layers 30-31" is read as the outputs of 0-based blocks 30 and 31; counted from the embedding '
    "attention of block 31 could not act on them.",
    "p < 0.001 in every slice needs nearly all of the 12 images of 4x3 to agree: 0.0005 is the "
    "smallest that 12 signs can give.",
)
"""What does not fit together in the print, and how it is read here."""

_DATA = {"pets": "Pets", "voc": "VOC"}


def slice_of_paper(kind: str, name: str) -> str | None:
    """The paper's slice of the same data and size, such as ``Pets 8x3``; None where it has none.

    Args:
        kind: of the data, as the command names it.
        name: of the slice, ``8x3``.
    """
    wanted = f"{_DATA.get(kind, kind)} {name}"
    return wanted if wanted in TABLE_1 else None


def model_of_paper(name: str) -> PublishedModel | None:
    """The paper's line of Table 3 for a model folder of this name; None for any other."""
    words = name.lower()
    if "random init" in words:
        return None
    found = (key for key in TABLE_3 if re.search(rf"(?:^|[^a-z]){key}(?:[^a-z0-9]|$)", words))
    return TABLE_3.get(next(found, ""))


def kind_of(facts: Mapping[str, str]) -> str:
    """The kind of data of a study, which stands in brackets behind its folder."""
    found = re.search(r"\((\w+)\)\s*$", facts.get("data", ""))
    return found[1] if found else ""
