"""A backup of Paydate's tables and its restore, while the chain goes on: what a database put back looks like."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.apps import apps
from django.db import connection

from contracts.services import fencing, identity

APPS = ("contracts", "chainsync", "reserves", "payouts")


class Backup:
    def __init__(self) -> None:
        models = (model for name in APPS for model in apps.get_app_config(name).get_models())
        self._tables = [model._meta.db_table for model in models]

    def take(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA IF EXISTS backup CASCADE; CREATE SCHEMA backup")
            for table in self._tables:
                cursor.execute(f"CREATE TABLE backup.{table} AS TABLE public.{table}")

    def restore(self) -> None:
        """Puts the rows back and starts the signer anew, as an operator does after a disaster."""
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(f"TRUNCATE {', '.join(self._tables)} CASCADE")
            for table in self._tables:
                cursor.execute(f"INSERT INTO {table} SELECT * FROM backup.{table}")
            cursor.execute("SET session_replication_role = DEFAULT")
        fencing.restart()
        identity.forget()


@contextmanager
def backup_schema() -> Iterator[Backup]:
    try:
        yield Backup()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA IF EXISTS backup CASCADE")
