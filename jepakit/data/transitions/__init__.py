"""Windows of episodes for models of dynamics, with cached features of a frozen encoder."""

from jepakit.data.transitions.module import TransitionDataModule

__all__ = ["TransitionDataModule"]
