// A directory of its own for each test, and rows that fill every column of a trace with a value that no other column
// has.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "analyzer/trace/execution_flags.h"
#include "analyzer/trace/recorder.h"
#include "analyzer/trace/sqlite.h"
#include "analyzer/trace/trace.h"

namespace pgassay::trace {

class TraceTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "pgassay-trace-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    path_ = directory_ + "/trace.db";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string directory_, path_;
};

inline OpenOptions Options(const std::string& path, bool append = false, uint64_t max_executions = 0) {
  return {
      .path = path, .append = append, .command = "run", .max_executions = max_executions, .parser = "libpg_query 15"};
}

inline std::unique_ptr<Recorder> MustOpen(const OpenOptions& options) {
  auto recorder = Recorder::Open(options);
  EXPECT_TRUE(recorder.has_value()) << (recorder ? "" : recorder.error().message);
  return recorder ? std::move(*recorder) : nullptr;
}

inline std::string RefusalOf(const OpenOptions& options) {
  auto recorder = Recorder::Open(options);
  return recorder ? "" : recorder.error().message;
}

inline std::string ReadRefusalOf(const std::string& path) {
  auto trace = Trace::Open(path);
  return trace ? "" : trace.error().message;
}

inline sql::Facts SelectFacts(uint64_t fingerprint = 0xFEDC'BA98'7654'3210) {
  sql::Facts facts;
  facts.parsed = true;
  facts.operation = sql::Operation::kSelect;
  facts.fingerprint = fingerprint;
  return facts;
}

// `count` executions of one statement in one unit, 1 ms each.
inline void Record(Recorder& recorder, int count, uint64_t shape_hash = 7, int64_t unit_id = 1) {
  const int64_t statement_id = recorder.StatementId(shape_hash, "SELECT 1", SelectFacts());
  int64_t first_no = 0;
  int64_t last_no = 0;
  for (int i = 0; i < count; ++i) {
    ExecutionRow row;
    row.execution_no = recorder.NextExecutionNo();
    row.session_id = 1;
    row.unit_id = unit_id;
    row.statement_id = statement_id;
    row.sent_ns = row.busy_from_ns = 1'000'000'000 + int64_t{i} * 2'000'000;
    row.first_ns = row.sent_ns + 500'000;
    row.done_ns = row.sent_ns + 1'000'000;
    row.rows = 1;
    row.bytes = 30;
    row.parameters_hash = 0x1234'5678'9ABC'DEF0 + static_cast<uint64_t>(i);
    row.result_hash = 0x0FED'CBA9'8765'4321;
    recorder.AddExecution(row);
    if (first_no == 0) first_no = row.execution_no;
    last_no = row.execution_no;
  }
  lineage::UnitStatement in_unit;
  in_unit.unit_id = unit_id;
  in_unit.statement_id = statement_id;
  in_unit.calls = static_cast<uint64_t>(count);
  in_unit.first_no = first_no;
  in_unit.last_no = last_no;
  recorder.OnUnitStatement(in_unit);
  lineage::Unit unit;
  unit.unit_id = unit_id;
  unit.session_id = 1;
  unit.statements = unit.round_trips = static_cast<uint64_t>(count);
  recorder.OnUnit(unit);
}

inline int64_t NumberIn(const std::string& path, const std::string& sql) {
  auto db = Database::Open(path, SQLITE_OPEN_READONLY);
  EXPECT_TRUE(db.has_value());
  for (const int allowed : {SQLITE_DBCONFIG_ENABLE_VIEW, SQLITE_DBCONFIG_TRUSTED_SCHEMA}) {
    sqlite3_db_config(db->get(), allowed, 1, nullptr);  // as people's sqlite3 has them
  }
  auto number = db->Number(sql);
  EXPECT_TRUE(number.has_value()) << (number ? "" : number.error().message);
  return number.value_or(-1);
}

inline std::string TextIn(const std::string& path, const std::string& sql) {
  auto db = Database::Open(path, SQLITE_OPEN_READONLY);
  EXPECT_TRUE(db.has_value());
  auto query = Query::Prepare(*db, sql);
  EXPECT_TRUE(query.has_value()) << (query ? "" : query.error().message);
  return query && query->Step().value_or(false) ? std::string(query->Text(0)) : "";
}

inline mode_t ModeOf(const std::string& path) {
  struct stat info{};
  return lstat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
}

}  // namespace pgassay::trace
