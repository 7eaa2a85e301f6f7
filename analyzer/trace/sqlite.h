// SQLite as this folder uses it: a connection, a prepared statement, errors as values. A failed call leaves the
// connection usable. Threads: one owner (opened without SQLite's mutexes). Ownership: a Query must not outlive its
// Database.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

#include "proxy/base/result.h"

namespace pgassay::trace {

class Database {
 public:
  // `flags` are sqlite3_open_v2's. Defensive: schema and content may come from a stranger.
  static Result<Database> Open(const std::string& name, int flags);

  Result<> Run(const char* sql);                   // any number of statements, rows thrown away
  Result<int64_t> Number(const std::string& sql);  // the first column of the first row; 0 when there is none
  sqlite3* get() const { return db_.get(); }
  // The last call's error as SQLite says it.
  Error LastError() const;
  int LastCode() const { return sqlite3_extended_errcode(db_.get()); }

 private:
  struct Closer {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };
  std::unique_ptr<sqlite3, Closer> db_;
};

class Query {
 public:
  static Result<Query> Prepare(const Database& db, const std::string& sql);
  Query() = default;

  // Index from 1. Text and blobs are borrowed until the next Reset().
  void Bind(int index, int64_t value) { sqlite3_bind_int64(query_.get(), index, value); }
  void Bind(int index, double value) { sqlite3_bind_double(query_.get(), index, value); }
  void Bind(int index, std::string_view text) {
    sqlite3_bind_text(query_.get(), index, text.empty() ? "" : text.data(), static_cast<int>(text.size()),
                      SQLITE_STATIC);
  }
  void BindBlob(int index, std::string_view blob) {
    sqlite3_bind_blob(query_.get(), index, blob.empty() ? "" : blob.data(), static_cast<int>(blob.size()),
                      SQLITE_STATIC);
  }
  void BindNull(int index) { sqlite3_bind_null(query_.get(), index); }
  template <class T>
    requires std::is_integral_v<T>
  void Bind(int index, T value) {
    Bind(index, static_cast<int64_t>(value));
  }

  // True: a row is there. False: done.
  Result<bool> Step();
  // Steps to the end and resets, so that it can be bound again.
  Result<> Finish();
  void Reset() { sqlite3_reset(query_.get()); }

  // Column from 0; NULL reads as 0 or "". Text lives until the next step.
  int64_t Int(int column) const { return sqlite3_column_int64(query_.get(), column); }
  double Real(int column) const { return sqlite3_column_double(query_.get(), column); }
  std::string_view Text(int column) const;
  std::string_view Blob(int column) const;
  bool IsNull(int column) const { return sqlite3_column_type(query_.get(), column) == SQLITE_NULL; }

 private:
  struct Finalizer {
    void operator()(sqlite3_stmt* query) const { sqlite3_finalize(query); }
  };
  std::unique_ptr<sqlite3_stmt, Finalizer> query_;
};

}  // namespace pgassay::trace
