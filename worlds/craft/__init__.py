"""CRAFT-like scenes and questions about what causes, enables and prevents what."""

from worlds.craft.arena import MAX_STEPS, Thing
from worlds.craft.balance import ask
from worlds.craft.events import KINDS, OUTCOMES, Event, History, history
from worlds.craft.layouts import LAYOUTS
from worlds.craft.program import Program, answer
from worlds.craft.questions import Question
from worlds.craft.scene import CraftScene, sample
from worlds.craft.templates import ANSWERS, TEMPLATES, VOCABULARY

__all__ = [
    "ANSWERS",
    "KINDS",
    "LAYOUTS",
    "MAX_STEPS",
    "OUTCOMES",
    "TEMPLATES",
    "VOCABULARY",
    "CraftScene",
    "Event",
    "History",
    "Program",
    "Question",
    "Thing",
    "answer",
    "ask",
    "history",
    "sample",
]
