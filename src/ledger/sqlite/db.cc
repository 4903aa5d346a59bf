// SPDX-License-Identifier: Apache-2.0
#include "ledger/sqlite/db.h"

#include <fmt/format.h>

namespace birthmark::ledger {

Error SqliteError(sqlite3* db, std::string_view doing) {
  int code = sqlite3_extended_errcode(db);
  std::string message = fmt::format("{}: {}", doing, sqlite3_errmsg(db));
  auto env = [&](const char* c, const char* fix) {
    return Error{ErrorKind::kEnvironment, c, message, fix};
  };
  constexpr const char* kSpace =
      "free space on the workspace's disk (or raise the quota), then run the command again";
  switch (code & 0xff) {
    case SQLITE_FULL:
      return env("ledger.full", kSpace);
    case SQLITE_IOERR:
      // SQLite says FULL for ENOSPC alone. A quota or a limit on file size fails a write as well,
      // and by now errno may be another call's.
      if (code == SQLITE_IOERR_WRITE || code == SQLITE_IOERR_SHMSIZE)
        return env("ledger.full", kSpace);
      return env("ledger.io", "check the disk; what was acknowledged before is committed");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return env("ledger.busy", "wait for the other command to end, then run this one again");
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
      return env("ledger.open",
                 "check that the workspace is there and that you may read and write it");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {ErrorKind::kNegative, "ledger.corrupt", message,
              "restore the workspace from a copy; `ledger verify` tells what is damaged"};
    default:
      return {ErrorKind::kInternal, "ledger.sql", message, ""};
  }
}

Result<bool> Stmt::Step() {
  int rc = sqlite3_step(stmt_.get());
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) return false;
  Error e = SqliteError(sqlite3_db_handle(stmt_.get()), "ledger database");
  sqlite3_reset(stmt_.get());
  return std::unexpected(std::move(e));
}

Status Stmt::Run() {
  int rc = sqlite3_step(stmt_.get());
  if (rc != SQLITE_DONE && rc != SQLITE_ROW) {
    Error e = SqliteError(sqlite3_db_handle(stmt_.get()), "ledger database");
    sqlite3_reset(stmt_.get());
    return std::unexpected(std::move(e));
  }
  sqlite3_reset(stmt_.get());
  return {};
}

Result<Db> Db::Open(const std::string& path, Mode mode) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  flags |= mode == Mode::kRead ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  if (mode == Mode::kCreate) flags |= SQLITE_OPEN_CREATE;
  sqlite3* raw = nullptr;
  int rc = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  Db db;
  db.db_.reset(raw);
  if (raw == nullptr) return Environment("ledger.open", path + ": out of memory");
  if (rc != SQLITE_OK) return std::unexpected(SqliteError(raw, path));
  sqlite3_busy_timeout(raw, 5000);
  // The file may come from elsewhere: no functions or triggers of its schema may do anything.
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_limit(raw, SQLITE_LIMIT_LENGTH, 16 << 20);
  return db;
}

Result<Stmt> Db::Prepare(std::string_view sql) const {
  Stmt s;
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &raw, nullptr) != SQLITE_OK) {
    return std::unexpected(SqliteError(db_.get(), sql.substr(0, 60)));
  }
  s.stmt_.reset(raw);
  return s;
}

Status Db::Exec(const char* sql) const {
  if (sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    return std::unexpected(SqliteError(db_.get(), std::string_view(sql).substr(0, 60)));
  }
  return {};
}

}  // namespace birthmark::ledger
