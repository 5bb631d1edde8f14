"""Declarations of a method: its contract, pretraining settings, search space, published names of weights, attributions."""

from bench.method.contract import Corpus, LabelledData, Method, MethodConfig

__all__ = ["Corpus", "LabelledData", "Method", "MethodConfig"]
