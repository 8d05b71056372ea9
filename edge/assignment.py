"""Who belongs to whom at the lowest total cost: a small exact assignment without SciPy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def assign(costs: Sequence[Sequence[float]], miss: float = 2.0) -> list[int | None]:
    """The exact cheapest assignment of rows to columns: for each row its column, or None.

    Every column serves one row at most; a row left without one costs `miss`, and none takes a
    column that costs as much. The rows of `costs` have equal lengths.
    """
    result: list[int | None] = [None] * len(costs)
    options = [[column for column, cost in enumerate(row) if cost < miss] for row in costs]
    suitors = Counter(column for row in options for column in row)
    disputed = []
    for row, columns in enumerate(options):
        if len(columns) == 1 and suitors[columns[0]] == 1:
            result[row] = columns[0]
        elif columns:
            disputed.append(row)
    wanted = sorted({column for row in disputed for column in options[row]})
    table = [[*(costs[row][c] for c in wanted), *([miss] * len(disputed))] for row in disputed]
    for place, index in enumerate(_cheapest(table)):
        if index < len(wanted) and table[place][index] < miss:
            result[disputed[place]] = wanted[index]
    return result


def _cheapest(table: Sequence[Sequence[float]]) -> list[int]:
    """A column for every row at the lowest total cost; no more rows than columns.

    Successive shortest paths: each row in turn gets a column by the cheapest chain of moves of
    the rows before it.
    """
    owner: list[int | None] = [None] * (len(table[0]) if table else 0)
    for start, row in enumerate(table):
        reach = list(row)  # what it costs to free each column for this row …
        before: list[int | None] = [None] * len(owner)  # … and the column its owner came from
        changed = True
        while changed:
            changed = False
            for column, held in enumerate(owner):
                if held is None:
                    continue
                spared = reach[column] - table[held][column]
                for other, cost in enumerate(table[held]):
                    if spared + cost < reach[other] - 1e-9:
                        reach[other], before[other], changed = spared + cost, column, True
        free = [column for column, held in enumerate(owner) if held is None]
        end: int | None = min(free, key=reach.__getitem__)
        while end is not None:
            previous = before[end]
            owner[end] = start if previous is None else owner[previous]
            end = previous
    columns = [0] * len(table)
    for column, held in enumerate(owner):
        if held is not None:
            columns[held] = column
    return columns
