"""The emulator's SQLite file. One process, one thread, one connection: every write is a transaction of its own, in order.

The write-ahead log is not forced to disk with each commit. A kill loses nothing; a machine that stops may lose the last moments, but
only a suffix: what was committed later is never there without what was committed before.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_VERSION = 1
_SCHEMA = """
CREATE TABLE tables (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, definition TEXT NOT NULL, ttl_attribute TEXT);
CREATE TABLE items (table_id INTEGER NOT NULL, pk TEXT NOT NULL, sk TEXT NOT NULL, size INTEGER NOT NULL, expires INTEGER, item TEXT NOT NULL,
    PRIMARY KEY (table_id, pk, sk)) WITHOUT ROWID;
CREATE INDEX items_expiring ON items (expires) WHERE expires IS NOT NULL;
CREATE TABLE index_items (table_id INTEGER NOT NULL, name TEXT NOT NULL, pk TEXT NOT NULL, sk TEXT NOT NULL, item_pk TEXT NOT NULL,
    item_sk TEXT NOT NULL, size INTEGER NOT NULL, item TEXT NOT NULL,
    PRIMARY KEY (table_id, name, pk, sk, item_pk, item_sk)) WITHOUT ROWID;
CREATE TABLE stream (number INTEGER PRIMARY KEY AUTOINCREMENT, record TEXT NOT NULL);
CREATE TABLE offsets (consumer TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE queues (name TEXT PRIMARY KEY, attributes TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, message_id TEXT NOT NULL, body TEXT NOT NULL,
    sent_at REAL NOT NULL, visible_at REAL NOT NULL, receives INTEGER NOT NULL DEFAULT 0, receipt TEXT);
CREATE INDEX messages_visible ON messages (queue, visible_at);
"""
# Files from before have none of these.
_ADDED = """
CREATE TABLE IF NOT EXISTS trimmed (number INTEGER PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, lock_days INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (number INTEGER PRIMARY KEY AUTOINCREMENT, bucket TEXT NOT NULL, key TEXT NOT NULL, version TEXT NOT NULL,
    is_marker INTEGER NOT NULL, size INTEGER NOT NULL DEFAULT 0, etag TEXT NOT NULL DEFAULT '', sha256 TEXT NOT NULL DEFAULT '',
    content_type TEXT NOT NULL DEFAULT '', stored_at REAL NOT NULL, lock_mode TEXT NOT NULL DEFAULT '', locked_until REAL NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS objects_by_key ON objects (bucket, key, number);
"""


class UnreadableError(Exception):
    """The file is damaged, or of another version of this program."""


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, and create it where it is absent. Raises UnreadableError."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA page_size = 8192")
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # no other process opens it: no locks to take and release
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -65536")  # 64 MB
        connection.execute("PRAGMA wal_autocheckpoint = 4000")  # pages: a checkpoint forces to disk, and everyone waits for it
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
        elif version != _VERSION:
            raise UnreadableError(f"its version is {version}")
        connection.executescript(_ADDED)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise UnreadableError(str(error)) from error
    except UnreadableError:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All writes within, or none where it raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # some errors of the disk end it
            connection.execute("ROLLBACK")
        raise
