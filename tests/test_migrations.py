"""Migrations only add, so that an older release goes on working while a newer one is brought in."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from django.db import migrations, models
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from tests.expanding import breaking

BASE: Final = "0009_report_indexes"
"""The last migration from before the rule was checked; every later one is."""
EXAMINED: Final[dict[str, dict[int, str]]] = {}
"""Migration: the place of an operation in it, from 0, and why no older release breaks on it. The two steps in
docs/developer.md, under *Changing the database*, need no line here except for the second one, the contraction."""


def migrations_after(name: str) -> Iterator[tuple[Migration, ProjectState]]:
    """Give each later migration of the app, with the models as they are before it."""
    loader = MigrationLoader(None)
    (leaf,) = loader.graph.leaf_nodes("attendance")
    names = [key for key in loader.graph.forwards_plan(leaf) if key[0] == "attendance"]
    for key in names[names.index(("attendance", name)) + 1 :]:
        yield loader.graph.nodes[key], loader.project_state(key, at_end=False)


def test_no_migration_takes_from_an_older_release_what_it_uses() -> None:
    looked_at = list(migrations_after(BASE))
    assert looked_at
    said = [
        sentence
        for migration, before in looked_at
        for sentence in breaking(migration, before, examined=EXAMINED.get(migration.name, {}))
    ]
    assert said == []


def test_every_operation_that_was_examined_is_there_and_has_its_reason() -> None:
    there = {migration.name: len(migration.operations) for migration, _before in migrations_after(BASE)}
    for name, places in EXAMINED.items():
        assert all(place < there[name] and reason for place, reason in places.items()), name


def school() -> ProjectState:
    """Models as an older release knows them."""
    state = ProjectState()
    for operation in (
        migrations.CreateModel("Room", [("id", models.BigAutoField(primary_key=True))]),
        migrations.CreateModel("Hall", [("id", models.BigAutoField(primary_key=True))]),
        migrations.CreateModel(
            "Desk",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("name", models.CharField(max_length=40)),
                ("note", models.CharField(max_length=40, null=True)),
                ("seats", models.IntegerField(db_default=2)),
                ("price", models.DecimalField(max_digits=8, decimal_places=2)),
                ("room", models.ForeignKey("attendance.room", on_delete=models.CASCADE)),
            ],
        ),
    ):
        operation.state_forwards("attendance", state)
    return state


def said_of(*operations: Operation, examined: dict[int, str] | None = None) -> list[str]:
    made = type("Made", (Migration,), {"operations": list(operations)})
    migration = made("0999_under_test", "attendance")
    return breaking(migration, school(), examined=examined or {})


def add(field: "models.Field[Any, Any]") -> Operation:
    return migrations.AddField("desk", "colour", field)


def alter(name: str, field: "models.Field[Any, Any]") -> Operation:
    return migrations.AlterField("desk", name, field)


POSITIVE: Final = models.CheckConstraint(condition=models.Q(seats__gt=0), name="desk_has_seats")
BREAKING: Final[dict[str, tuple[Operation, str]]] = {
    "a column goes": (migrations.RemoveField("desk", "note"), "names this column"),
    "a table goes": (migrations.DeleteModel("Desk"), "asks for this table"),
    "a column is renamed": (migrations.RenameField("desk", "note", "remark"), "names the old column"),
    "a model is renamed": (migrations.RenameModel("Desk", "Bench"), "the table's old name"),
    "a table is renamed": (migrations.AlterModelTable("desk", "bench"), "the table's old name"),
    "a rule comes": (migrations.AddConstraint("desk", POSITIVE), "the new rule refuses"),
    "pairs become unique": (migrations.AlterUniqueTogether("desk", {("name", "room")}), "the new rule refuses"),
    "SQL": (migrations.RunSQL("SELECT 1"), "without reading it"),
    "Python": (migrations.RunPython(migrations.RunPython.noop), "without reading it"),
    "database and models apart": (migrations.SeparateDatabaseAndState(), "without reading it"),
    "a kind nobody thought of": (migrations.AlterOrderWithRespectTo("desk", "room"), "not known to be harmless"),
    "a column without a default": (add(models.CharField(max_length=9)), "neither null nor db_default"),
    "a default of Python's only": (add(models.CharField(max_length=9, default="red")), "neither null nor db_default"),
    "one value for all, unique": (add(models.IntegerField(db_default=1, unique=True)), "the same value"),
    "NULL is refused": (alter("note", models.CharField(max_length=40)), "may write NULL"),
    "NULL is refused, with a default": (alter("note", models.CharField(max_length=40, db_default="")), "write NULL"),
    "a default goes": (alter("seats", models.IntegerField()), "gives no value for it"),
    "less room": (alter("name", models.CharField(max_length=39)), "more than fits"),
    "fewer digits": (alter("price", models.DecimalField(max_digits=7, decimal_places=2)), "more than fits"),
    "another kind": (alter("name", models.IntegerField()), "another kind of column"),
    "a smaller kind": (alter("seats", models.SmallIntegerField(db_default=2)), "another kind of column"),
    "becomes unique": (alter("name", models.CharField(max_length=40, unique=True)), "a value twice"),
    "another name": (alter("name", models.CharField(max_length=40, db_column="label")), "another column"),
    "a new table points at an old one": (
        migrations.CreateModel(
            "Drawer",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("desk", models.ForeignKey("attendance.desk", on_delete=models.CASCADE)),
            ],
        ),
        "does not know the rows that point",
    ),
    "a new column points at an old table": (
        add(models.ForeignKey("attendance.room", null=True, on_delete=models.CASCADE)),
        "does not know the rows that point",
    ),
    "pairs with an old table": (add(models.ManyToManyField("attendance.room")), "does not know the rows that point"),
    "points elsewhere": (
        alter("room", models.ForeignKey("attendance.hall", on_delete=models.CASCADE)),
        "points elsewhere",
    ),
}


@pytest.mark.parametrize(("operation", "why"), BREAKING.values(), ids=BREAKING)
def test_what_breaks_an_older_release_is_refused(operation: Operation, why: str) -> None:
    (sentence,) = said_of(operation)
    assert sentence.startswith("0999_under_test, 0: ")
    assert why in sentence


@pytest.mark.parametrize(
    "operation",
    [
        migrations.CreateModel("Board", [("id", models.BigAutoField(primary_key=True))]),
        migrations.AddIndex("desk", models.Index(fields=["name"], name="desk_name")),
        migrations.RemoveConstraint("desk", "desk_has_seats"),
        add(models.CharField(max_length=9, null=True)),
        add(models.CharField(max_length=9, default="red", db_default="red")),
        add(models.ManyToManyField("attendance.room", db_constraint=False)),
        add(models.ForeignKey("attendance.room", null=True, on_delete=models.CASCADE, db_constraint=False)),
        alter("name", models.CharField(max_length=80)),
        alter("name", models.TextField()),
        alter("seats", models.BigIntegerField(db_default=2)),
        alter("note", models.CharField(max_length=40, null=True, db_default="")),
    ],
    ids=lambda operation: operation.describe(),
)
def test_what_only_adds_is_welcome(operation: Operation) -> None:
    if isinstance(operation, migrations.RemoveConstraint):
        assert said_of(migrations.AddConstraint("desk", POSITIVE), operation, examined={0: "only here"}) == []
    else:
        assert said_of(operation) == []


def test_table_that_the_migration_makes_may_get_any_rule() -> None:
    board = migrations.CreateModel("Board", [("id", models.BigAutoField(primary_key=True))])
    named = migrations.AddField("board", "name", models.CharField(max_length=9, default=""))
    rule = models.UniqueConstraint(fields=["name"], name="board_name")
    assert said_of(board, named, migrations.AddConstraint("board", rule)) == []


def test_operation_that_was_examined_is_taken_and_the_next_one_still_looked_at() -> None:
    gone = [migrations.RemoveField("desk", "note"), migrations.RemoveField("desk", "name")]
    (sentence,) = said_of(*gone, examined={0: "the release before no longer names it"})
    assert "1: Remove field name" in sentence
