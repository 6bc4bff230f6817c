"""A running site's tables, straight from its database: to start Django for each look takes longer than many a test."""

import sqlite3
from contextlib import closing
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from tests.stack import Stack


def rows(stack: Stack, model: str) -> list[dict[str, Any]]:
    """Give all rows of a model, column to value, as the database has them: SQLite's times are text.

    Args:
        stack: its database runs.
        model: in small letters, as ``snapshot``.
    """
    table = f"attendance_{model}"
    if stack.database == "postgresql":
        assert stack._postgres is not None
        with psycopg.connect(stack._postgres.get_uri(), row_factory=dict_row) as connection:
            return connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))).fetchall()
    with closing(sqlite3.connect(stack.folder / "data" / "rollcall.sqlite3", timeout=20)) as connection_to_file:
        connection_to_file.row_factory = sqlite3.Row
        return [dict(row) for row in connection_to_file.execute(f'SELECT * FROM "{table}"')]  # noqa: S608  our own name
