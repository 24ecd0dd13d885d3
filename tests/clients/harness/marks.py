"""Marks on tests: several argument tuples, slow, alone."""

from __future__ import annotations

from collections.abc import Callable


def cases(*arguments: object) -> Callable:
    """Run the test once for each argument (or tuple of arguments)."""
    def mark(function: Callable) -> Callable:
        function.cases = [one if isinstance(one, tuple) else (one,) for one in arguments]
        return function
    return mark


def slow(function: Callable) -> Callable:
    """Started first."""
    function.slow = True
    return function


def alone(function: Callable) -> Callable:
    """Run after all others, with nothing beside it."""
    function.alone = True
    return function
