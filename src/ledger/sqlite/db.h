// SPDX-License-Identifier: Apache-2.0
// SQLite behind owners and one funnel for its codes. Leaves out any schema. One thread a
// connection.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::ledger {

struct CloseDb {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
struct CloseStmt {
  void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
};

class Db;

// Stmt is a prepared statement. Bind counts from 1, columns from 0; bound octets must outlive Step.
class Stmt {
 public:
  Stmt() = default;
  Stmt& Bind(int i, uint64_t v) {
    sqlite3_bind_int64(stmt_.get(), i, static_cast<sqlite3_int64>(v));
    return *this;
  }
  Stmt& Bind(int i, int64_t v) {
    sqlite3_bind_int64(stmt_.get(), i, v);
    return *this;
  }
  Stmt& Bind(int i, std::string_view v) {
    sqlite3_bind_text(stmt_.get(), i, v.data(), static_cast<int>(v.size()), SQLITE_STATIC);
    return *this;
  }
  Stmt& Bind(int i, ByteView v) {
    sqlite3_bind_blob(stmt_.get(), i, v.data(), static_cast<int>(v.size()), SQLITE_STATIC);
    return *this;
  }
  Stmt& BindNull(int i) {
    sqlite3_bind_null(stmt_.get(), i);
    return *this;
  }
  template <class T>
  Stmt& BindOptional(int i, const std::optional<T>& v) {
    return v ? Bind(i, *v) : BindNull(i);
  }

  // Step is true while there is a row.
  Result<bool> Step();
  // Run steps a statement that gives no rows, and resets it.
  Status Run();
  void Reset() { sqlite3_reset(stmt_.get()); }

  int64_t Int(int c) const { return sqlite3_column_int64(stmt_.get(), c); }
  uint64_t Uint(int c) const { return static_cast<uint64_t>(Int(c)); }
  bool IsNull(int c) const { return sqlite3_column_type(stmt_.get(), c) == SQLITE_NULL; }
  // Blob and Text view the row until the next Step or Reset.
  ByteView Blob(int c) const {
    auto* p = static_cast<const uint8_t*>(sqlite3_column_blob(stmt_.get(), c));
    return {p, static_cast<size_t>(sqlite3_column_bytes(stmt_.get(), c))};
  }
  std::string_view Text(int c) const { return AsText(Blob(c)); }
  sqlite3_stmt* get() const { return stmt_.get(); }

 private:
  friend class Db;
  std::unique_ptr<sqlite3_stmt, CloseStmt> stmt_;
};

class Db {
 public:
  enum class Mode { kCreate, kWrite, kRead };
  Db() = default;
  // Open opens a database file; an empty path is a private one that spills to disk.
  // Errors: ledger.open.
  static Result<Db> Open(const std::string& path, Mode mode);
  Result<Stmt> Prepare(std::string_view sql) const;
  // Exec runs statements without results.
  Status Exec(const char* sql) const;
  sqlite3* get() const { return db_.get(); }

 private:
  std::unique_ptr<sqlite3, CloseDb> db_;
};

// SqliteError turns the connection's last failure into an error of ours: ledger.full, ledger.io,
// ledger.corrupt, ledger.busy, ledger.open, ledger.sql.
Error SqliteError(sqlite3* db, std::string_view doing);

}  // namespace birthmark::ledger
