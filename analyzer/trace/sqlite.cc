#include "analyzer/trace/sqlite.h"

namespace pgassay::trace {

Result<Database> Database::Open(const std::string& name, int flags) {
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  Database database;
  database.db_.reset(db);
  if (db == nullptr) return Fail("out of memory");
  if (code != SQLITE_OK) return std::unexpected(database.LastError());
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  return database;
}

Error Database::LastError() const { return Error{sqlite3_errmsg(db_.get())}; }

Result<> Database::Run(const char* sql) {
  if (sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) return std::unexpected(LastError());
  return {};
}

Result<int64_t> Database::Number(const std::string& sql) {
  auto query = Query::Prepare(*this, sql);
  if (!query) return std::unexpected(query.error());
  const auto row = query->Step();
  if (!row) return std::unexpected(row.error());
  return *row ? query->Int(0) : 0;
}

Result<Query> Query::Prepare(const Database& db, const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(db.get(), sql.c_str(), static_cast<int>(sql.size()) + 1,
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return std::unexpected(db.LastError());
  Query query;
  query.query_.reset(statement);
  return query;
}

Result<bool> Query::Step() {
  const int code = sqlite3_step(query_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  Error error{sqlite3_errmsg(sqlite3_db_handle(query_.get()))};
  Reset();
  return std::unexpected(std::move(error));
}

Result<> Query::Finish() {
  for (;;) {
    const auto row = Step();
    if (!row) return std::unexpected(row.error());
    if (!*row) break;
  }
  Reset();
  return {};
}

std::string_view Query::Text(int column) const {
  const auto* text =
      sqlite3_column_text(query_.get(), column);  // before sqlite3_column_bytes, which counts the converted form
  const auto size = static_cast<size_t>(sqlite3_column_bytes(query_.get(), column));
  return text == nullptr ? std::string_view{} : std::string_view{reinterpret_cast<const char*>(text), size};
}

std::string_view Query::Blob(int column) const {
  const void* blob = sqlite3_column_blob(query_.get(), column);
  const auto size = static_cast<size_t>(sqlite3_column_bytes(query_.get(), column));
  return blob == nullptr ? std::string_view{} : std::string_view{static_cast<const char*>(blob), size};
}

}  // namespace pgassay::trace
