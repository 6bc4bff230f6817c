"""What the database does for a query, and whether that stays small while the register grows.

A plan is refused where it reads all of a large table instead of seeking, or sorts more than the rows of one student,
one session or one course.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

GROWS: Final = ("attendance_attendancerecord", "attendance_auditevent")
"""Tables with a row a mark."""
MOST_SORTED_ROWS: Final = 10_000
"""Rows that PostgreSQL may expect to sort: those of a course in a term are a few thousand."""


@dataclass(frozen=True, slots=True)
class Query:
    """A SELECT as it was sent."""

    sql: str
    parameters: Any

    @property
    def is_large(self) -> bool:
        """Whether it reads a table that grows with each mark."""
        return any(f'"{table}"' in self.sql or f" {table} " in self.sql for table in GROWS)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the database does for a query.

    Attributes:
        lines: a step each, indented below the step that it serves.
        faults: what must not be; empty in a good plan.
    """

    lines: tuple[str, ...]
    faults: tuple[str, ...]


@contextmanager
def recorded() -> Iterator[list[Query]]:
    """Keep every SELECT of the block that reads a large table, each form once."""
    queries: dict[str, Query] = {}

    def keep(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        query = Query(sql, parameters)
        if sql.lstrip().upper().startswith(("SELECT", "WITH")) and query.is_large:
            queries.setdefault(sql, query)
        return execute(sql, parameters, many, context)

    found: list[Query] = []
    with connection.execute_wrapper(keep):
        yield found
    found.extend(queries.values())


def plan_of(query: Query) -> Plan:
    """Ask the database what it would do."""
    return _sqlite(query) if connection.vendor == "sqlite" else _postgresql(query)


def _sqlite(query: Query) -> Plan:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {query.sql}", query.parameters)
        rows = cursor.fetchall()
    depth = {0: -1}
    lines = []
    for step, parent, _unused, detail in rows:
        depth[step] = depth.get(parent, -1) + 1
        lines.append("  " * depth[step] + detail)
    return Plan(tuple(lines), tuple(_sqlite_faults(query, lines)))


def _sqlite_faults(query: Query, lines: list[str]) -> Iterator[str]:
    names = {table: _aliases(query.sql, table) for table in GROWS}
    on_large = [line.split() for line in lines if any(_reads(line, names[table]) for table in GROWS)]
    steps = [" ".join(words) for words in on_large]
    # LIMIT ends a walk along an index after a page of rows.
    yield from (step for step in steps if step.startswith("SCAN") and not _is_a_page(query, step))
    if steps and any("USE TEMP B-TREE" in line for line in lines) and not _begins_with_one(lines):
        yield "sorts: " + "; ".join(steps)


def _begins_with_one(lines: list[str]) -> bool:
    """Whether the outermost table is sought by an id, so that all that follows belongs to one of a kind."""
    outermost = next(line.strip() for line in lines if line.strip().startswith(("SCAN", "SEARCH")))
    return outermost.startswith("SEARCH") and "=?" in outermost


def _reads(line: str, names: set[str]) -> bool:
    words = line.split()
    return words[0] in {"SCAN", "SEARCH"} and words[1] in names


def _aliases(sql: str, table: str) -> set[str]:
    """Give the names under which the statement speaks of a table."""
    words = sql.replace('"', " ").replace("(", " ").replace(")", " ").replace(",", " , ").split()
    found = {table}
    for place, word in enumerate(words[:-1]):
        if word == table and words[place - 1].upper() in {"FROM", "JOIN"}:
            following = words[place + 2] if words[place + 1].upper() == "AS" else words[place + 1]
            found.add(following)
    return found - {"ON", "WHERE", "INNER", "LEFT", "JOIN", "GROUP", "ORDER", "LIMIT", ","}


def _is_a_page(query: Query, step: str) -> bool:
    return "USING" in step and "INDEX" in step and " LIMIT " in query.sql


def _postgresql(query: Query) -> Plan:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {query.sql}", query.parameters)
        told = cursor.fetchone()[0]
    root = (json.loads(told) if isinstance(told, str) else told)[0]["Plan"]
    steps = list(_steps(root, 0))
    under_limit = " LIMIT " in query.sql
    return Plan(
        tuple("  " * depth + _worded(step) for depth, step, _above in steps),
        tuple(
            fault
            for _depth, step, above in steps
            for fault in _postgresql_faults(step, above=above, under_limit=under_limit)
        ),
    )


def _steps(step: dict[str, Any], depth: int, above: str = "") -> Iterator[tuple[int, dict[str, Any], str]]:
    """Give each step with its depth and the kind of step that it serves."""
    yield depth, step, above
    for inner in step.get("Plans", []):
        yield from _steps(inner, depth + 1, step["Node Type"])


def _worded(step: dict[str, Any]) -> str:
    parts = [step["Node Type"]]
    if "Relation Name" in step:
        parts.append(f"on {step['Relation Name']}")
    if "Index Name" in step:
        parts.append(f"using {step['Index Name']}")
    if "Index Cond" in step:
        parts.append(f"by {step['Index Cond'][:100]}")
    return " ".join(parts)


def _postgresql_faults(step: dict[str, Any], *, above: str, under_limit: bool) -> Iterator[str]:
    node, table = step["Node Type"], step.get("Relation Name")
    first_rows = above == "Limit" and "Filter" not in step  # whichever come first, and no more than asked for
    if table in GROWS and node == "Seq Scan" and not first_rows:
        yield _worded(step)
    if table in GROWS and node.startswith("Index") and "Index Cond" not in step and not under_limit:
        yield f"{_worded(step)}: the whole index"
    # An incremental sort under a LIMIT ends with the rows that were asked for.
    is_page = node == "Incremental Sort" and above == "Limit"
    if "Sort" in node and step["Plan Rows"] > MOST_SORTED_ROWS and not is_page:
        yield f"{node} of {step['Plan Rows']} rows"
