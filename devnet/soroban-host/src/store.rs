//! What the network remembers, in SQLite. What was committed survives kill -9.

use crate::timeline::Anchor;
use rusqlite::{params, Connection, OptionalExtension, Result};
use serde_json::Value;
use std::path::Path;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS entry (key BLOB PRIMARY KEY, data BLOB, live_until INTEGER, modified INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS anchor (sequence INTEGER PRIMARY KEY, due_ns INTEGER, closed INTEGER);
CREATE TABLE IF NOT EXISTS waiting (number INTEGER PRIMARY KEY, hash TEXT UNIQUE, source TEXT, envelope TEXT);
CREATE TABLE IF NOT EXISTS done (hash TEXT PRIMARY KEY, ledger INTEGER, body TEXT);
CREATE TABLE IF NOT EXISTS event (id TEXT PRIMARY KEY, ledger INTEGER, body TEXT);
";

/// `data` is the XDR of the LedgerEntry; `live_until` is the last ledger it lives in, None for ever.
#[derive(Clone, Debug)]
pub struct Entry {
    pub data: Vec<u8>,
    pub live_until: Option<u32>,
    pub modified: u32,
}

impl Entry {
    pub fn is_archived(&self, ledger: u32) -> bool {
        self.live_until.is_some_and(|until| until < ledger)
    }
}

#[derive(Debug)]
pub struct Waiting {
    pub hash: String,
    pub source: String,
    pub envelope: String,
}

pub struct Store {
    db: Connection,
}

impl Store {
    pub fn open(path: &Path) -> Result<Self> {
        let db = Connection::open(path)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        // NORMAL survives the death of the process; a power cut could take the tail.
        db.pragma_update(None, "synchronous", "NORMAL")?;
        db.execute_batch(SCHEMA)?;
        Ok(Store { db })
    }

    /// Everything inside becomes durable at once, or nothing.
    pub fn together<T>(&self, act: impl FnOnce() -> Result<T>) -> Result<T> {
        let changes = self.db.unchecked_transaction()?;
        let result = act()?;
        changes.commit()?;
        Ok(result)
    }

    pub fn entry(&self, key: &[u8]) -> Result<Option<Entry>> {
        let mut statement = self.db.prepare_cached("SELECT data, live_until, modified FROM entry WHERE key = ?")?;
        let read = |row: &rusqlite::Row<'_>| {
            Ok(Entry { data: row.get(0)?, live_until: row.get(1)?, modified: row.get(2)? })
        };
        statement.query_row(params![key], read).optional()
    }

    pub fn put_entry(&self, key: &[u8], entry: &Entry) -> Result<()> {
        let mut statement = self.db.prepare_cached("INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?)")?;
        statement.execute(params![key, entry.data, entry.live_until, entry.modified])?;
        Ok(())
    }

    pub fn drop_entry(&self, key: &[u8]) -> Result<()> {
        self.db.execute("DELETE FROM entry WHERE key = ?", params![key])?;
        Ok(())
    }

    pub fn anchors(&self) -> Result<Vec<Anchor>> {
        let mut statement = self.db.prepare("SELECT sequence, due_ns, closed FROM anchor ORDER BY sequence")?;
        let read = |row: &rusqlite::Row<'_>| {
            let (due_ns, closed): (i64, i64) = (row.get(1)?, row.get(2)?);
            Ok(Anchor { sequence: row.get(0)?, due_ns: due_ns as u64, closed: closed as u64 })
        };
        let rows = statement.query_map([], read)?;
        rows.collect()
    }

    pub fn put_anchor(&self, anchor: Anchor) -> Result<()> {
        let row = params![anchor.sequence, anchor.due_ns as i64, anchor.closed as i64];
        self.db.execute("INSERT OR REPLACE INTO anchor VALUES (?, ?, ?)", row)?;
        Ok(())
    }

    pub fn waiting(&self) -> Result<Vec<Waiting>> {
        let mut statement = self.db.prepare_cached("SELECT hash, source, envelope FROM waiting ORDER BY number")?;
        let read = |row: &rusqlite::Row<'_>| {
            Ok(Waiting { hash: row.get(0)?, source: row.get(1)?, envelope: row.get(2)? })
        };
        let rows = statement.query_map([], read)?;
        rows.collect()
    }

    pub fn add_waiting(&self, waiting: &Waiting) -> Result<()> {
        let row = params![waiting.hash, waiting.source, waiting.envelope];
        self.db.execute("INSERT INTO waiting (hash, source, envelope) VALUES (?, ?, ?)", row)?;
        Ok(())
    }

    pub fn drop_waiting(&self, hash: &str) -> Result<()> {
        self.db.execute("DELETE FROM waiting WHERE hash = ?", params![hash])?;
        Ok(())
    }

    pub fn done(&self, hash: &str) -> Result<Option<Value>> {
        let read = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
        let found = self.db.query_row("SELECT body FROM done WHERE hash = ?", params![hash], read).optional()?;
        Ok(found.and_then(|text| serde_json::from_str(&text).ok()))
    }

    pub fn add_done(&self, hash: &str, ledger: u32, body: &Value) -> Result<()> {
        self.db.execute("INSERT INTO done VALUES (?, ?, ?)", params![hash, ledger, body.to_string()])?;
        Ok(())
    }

    pub fn add_event(&self, id: &str, ledger: u32, body: &Value) -> Result<()> {
        self.db.execute("INSERT INTO event VALUES (?, ?, ?)", params![id, ledger, body.to_string()])?;
        Ok(())
    }

    /// In the order of their ids, those later than `after` and within these ledgers, while `take` wants more.
    pub fn events(&self, after: &str, first: u32, last: u32, mut take: impl FnMut(Value) -> bool) -> Result<()> {
        let mut statement = self.db.prepare_cached(
            "SELECT body FROM event WHERE id > ? AND ledger BETWEEN ? AND ? ORDER BY id",
        )?;
        let mut rows = statement.query(params![after, first, last])?;
        while let Some(row) = rows.next()? {
            let text: String = row.get(0)?;
            if !take(serde_json::from_str(&text).unwrap_or(Value::Null)) {
                break;
            }
        }
        Ok(())
    }

    /// Transactions, events and close times older than this ledger; entries stay.
    pub fn forget_before(&self, sequence: u32) -> Result<()> {
        // One older anchor stays: close times of later ledgers are counted from it.
        self.db.execute(
            "DELETE FROM anchor WHERE sequence < (SELECT max(sequence) FROM anchor WHERE sequence <= ?)",
            params![sequence],
        )?;
        self.db.execute("DELETE FROM done WHERE ledger < ?", params![sequence])?;
        self.db.execute("DELETE FROM event WHERE ledger < ?", params![sequence])?;
        Ok(())
    }
}
