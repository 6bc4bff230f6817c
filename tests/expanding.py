"""Tells which operations of a migration would break an older release that goes on working on the same database.

In a rolling upgrade the web processes of the release before read and write what the newer one has migrated: they name
every table and column that they know, give no value for a column that is new to them, and follow their own rules only.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from django.db.migrations import Migration, operations
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import Field, ManyToManyField
from django.db.models.fields import NOT_PROVIDED

AnyField: TypeAlias = "Field[Any, Any]"
REFUSED: Final[dict[type[Operation], str]] = {
    operations.DeleteModel: "the older release asks for this table",
    operations.RemoveField: "the older release names this column",
    operations.RenameModel: "the older release asks for the table's old name",
    operations.RenameField: "the older release names the old column",
    operations.AlterModelTable: "the older release asks for the table's old name",
    operations.AlterUniqueTogether: "the older release may write rows that the new rule refuses",
    operations.AddConstraint: "the older release may write rows that the new rule refuses",
    operations.RunPython: "nobody can tell what it does without reading it",
    operations.RunSQL: "nobody can tell what it does without reading it",
    operations.SeparateDatabaseAndState: "nobody can tell what it does without reading it",
}
HARMLESS: Final = (
    operations.CreateModel,
    operations.AddIndex,
    operations.RemoveIndex,
    operations.RenameIndex,
    operations.RemoveConstraint,
    operations.AlterModelOptions,
    operations.AlterModelManagers,
)
WIDER: Final = {
    ("SmallIntegerField", "IntegerField"),
    ("PositiveSmallIntegerField", "PositiveIntegerField"),
    ("IntegerField", "BigIntegerField"),
    ("PositiveIntegerField", "PositiveBigIntegerField"),
    ("CharField", "TextField"),
}
"""Changes of a column's kind after which it holds all that it held before."""


def breaking(migration: Migration, before: ProjectState, *, examined: Mapping[int, str]) -> list[str]:
    """Say what in a migration an older release would break on.

    Args:
        migration: what is looked at.
        before: the models as they are before it; not changed.
        examined: for operations that somebody has read, by their place from 0, why no older release breaks on them.

    Returns:
        a sentence for each reason to refuse an operation. What concerns only a table that this migration makes is
        never refused, unless it points at an older one: no older release knows that table.
    """
    state, app = before.clone(), migration.app_label
    known = set(before.models)
    found = []
    for place, operation in enumerate(migration.operations):
        is_new = (app, _model_of(operation)) not in known and _model_of(operation) != ""
        if not is_new and place not in examined:
            found += [
                f"{migration.name}, {place}: {operation.describe()}: {why}" for why in _why(operation, state, app)
            ]
        operation.state_forwards(app, state)
    return found


def _model_of(operation: Operation) -> str:
    return str(getattr(operation, "model_name", "")).lower()


def _why(operation: Operation, state: ProjectState, app: str) -> Iterator[str]:
    fields = operation.fields if isinstance(operation, operations.CreateModel) else []
    for field in [
        *(field for _name, field in fields),
        *([operation.field] if type(operation) is operations.AddField else []),
    ]:
        if _target_model(field, app) in state.models and getattr(_constrained(field), "db_constraint", True):
            yield "an older release that deletes what it points at does not know the rows that point"
    if isinstance(operation, operations.AddField):
        yield from _added(operation.field)
    elif isinstance(operation, operations.AlterField):
        yield from _altered(state.models[app, _model_of(operation)].fields[operation.name], operation.field)
    elif type(operation) in REFUSED:
        yield REFUSED[type(operation)]
    elif not isinstance(operation, HARMLESS):
        yield "operations of this kind are not known to be harmless"


def _added(field: AnyField) -> Iterator[str]:
    if isinstance(field, ManyToManyField):
        return  # a table of its own
    if not field.null and field.db_default is NOT_PROVIDED:
        yield "the older release gives no value for it, and it has neither null nor db_default"
    if field.unique and field.db_default is not NOT_PROVIDED:
        yield "each row that the older release makes would have the same value"


def _altered(old: AnyField, new: AnyField) -> Iterator[str]:
    kinds = old.get_internal_type(), new.get_internal_type()
    if kinds[0] != kinds[1] and kinds not in WIDER:
        yield "it becomes another kind of column"
    if old.db_column != new.db_column or _target(old) != _target(new):
        yield "it becomes another column, or one that points elsewhere"
    if old.null and not new.null:
        yield "the older release may write NULL"
    if old.db_default is not NOT_PROVIDED and new.db_default is NOT_PROVIDED and not new.null:
        yield "a release that does not know it gives no value for it"
    if new.unique and not old.unique:
        yield "the older release may write a value twice"
    if any(_is_narrower(old, new, size) for size in ("max_length", "max_digits", "decimal_places")):
        yield "the older release may write more than fits"


def _constrained(field: AnyField) -> Any:
    """What says whether the database checks that the other end is there."""
    return field.remote_field if isinstance(field, ManyToManyField) else field


def _target_model(field: AnyField, app: str) -> tuple[str, str] | None:
    if not field.remote_field:
        return None
    model = field.remote_field.model
    label = model.lower() if isinstance(model, str) else model._meta.label_lower
    named_app, _, name = label.rpartition(".")
    return named_app or app, name


def _target(field: AnyField) -> str:
    return str(field.remote_field.model).lower() if field.remote_field else ""


def _is_narrower(old: AnyField, new: AnyField, size: str) -> bool:
    before, after = getattr(old, size, None), getattr(new, size, None)
    return after is not None and (before is None or after < before)
