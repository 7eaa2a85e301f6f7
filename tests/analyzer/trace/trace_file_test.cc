// Who may open a trace, what is refused, and that a refusal changes nothing.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <random>

#include "analyzer/trace/schema.h"
#include "proxy/base/unique_fd.h"
#include "tests/analyzer/trace/trace_fixture.h"

namespace pgassay::trace {
namespace {

using testing::HasSubstr;

using TraceFile = TraceTest;

std::string Bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteBytes(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

void MakeTrace(const std::string& path) {
  auto recorder = MustOpen(Options(path));
  Record(*recorder, 50);
  ASSERT_TRUE(recorder->Finish(1, true).has_value());
}

std::vector<std::string> Names(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

void RunSql(const std::string& path, const char* sql) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(db, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
  sqlite3_close(db);
}

// In a child process, so that what it does to its user, limits and locks stays there. Returns its exit code, -1 for a
// signal.
template <class Body>
int InChild(Body body) {
  const pid_t child = fork();
  if (child == 0) _exit(body() ? 0 : 1);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(TraceFile, BelongsToItsMakerAloneWhateverTheUmask) {
  for (const mode_t mask : {0000U, 0022U, 0777U}) {
    const std::string path = directory_ + "/" + std::to_string(mask);
    const mode_t before = umask(mask);
    auto recorder = MustOpen(Options(path));
    Record(*recorder, 10);
    const auto committed = recorder->Commit(1);
    umask(before);
    ASSERT_TRUE(committed.has_value());
    EXPECT_EQ(ModeOf(path), 0600U) << mask;
    EXPECT_EQ(ModeOf(path + "-wal"), 0600U) << mask;
    EXPECT_EQ(ModeOf(path + "-shm"), 0600U) << mask;
    EXPECT_EQ(ModeOf(path + ".lock") & 0077, 0U) << mask;
  }
}

TEST_F(TraceFile, AnAppendedFileIsClosedToOthersAgain) {
  MakeTrace(path_);
  chmod(path_.c_str(), 0666);
  const mode_t before = umask(0);
  auto recorder = MustOpen(Options(path_, true));
  Record(*recorder, 10);
  ASSERT_TRUE(recorder->Commit(1).has_value());
  umask(before);
  for (const char* suffix : {"", "-wal", "-shm"}) EXPECT_EQ(ModeOf(path_ + suffix), 0600U) << suffix;
}

TEST_F(TraceFile, AFinishedTraceIsOneFile) {
  MakeTrace(path_);
  EXPECT_THAT(Names(directory_), testing::ElementsAre("trace.db"));
  EXPECT_TRUE(Trace::Open(path_).has_value());
  EXPECT_THAT(Names(directory_), testing::ElementsAre("trace.db"));
}

TEST_F(TraceFile, ASecondRecorderIsRefused) {
  auto recorder = MustOpen(Options(path_));
  for (const bool append : {false, true}) {
    EXPECT_THAT(RefusalOf(Options(path_, append)), HasSubstr("another pgassay is recording into " + path_));
    EXPECT_EQ(InChild([&] { return RefusalOf(Options(path_, append)).starts_with("another pgassay"); }), 0);
  }
  Record(*recorder, 1);
  EXPECT_TRUE(recorder->Finish(1, true).has_value());
  EXPECT_NE(MustOpen(Options(path_, true)), nullptr);
}

TEST_F(TraceFile, ADeadRecordersLockIsFree) {
  EXPECT_EQ(InChild([&] {
              auto recorder = Recorder::Open(Options(path_));
              Record(**recorder, 3);
              return (*recorder)->Commit(1).has_value() && kill(getpid(), SIGKILL) == 0;
            }),
            -1);
  EXPECT_EQ(ModeOf(path_ + ".lock"), 0600U);
  auto recorder = MustOpen(Options(path_, true));
  ASSERT_NE(recorder, nullptr);
  Record(*recorder, 3);
  ASSERT_TRUE(recorder->Finish(1, true).has_value());
  const auto totals = Trace::Open(path_)->ReadTotals();
  EXPECT_EQ(totals->executions, 6U);
  EXPECT_EQ(totals->recordings, 2U);
  EXPECT_FALSE(totals->complete);
}

TEST_F(TraceFile, AnExistingFileNeedsAppend) {
  MakeTrace(path_);
  const std::string before = Bytes(path_);
  EXPECT_EQ(RefusalOf(Options(path_)), path_ + " exists already: choose another file, or add to it with --append");
  EXPECT_EQ(Bytes(path_), before);
  EXPECT_EQ(RefusalOf(Options(path_, true)), "");
}

TEST_F(TraceFile, SymbolicLinksAreRefused) {
  MakeTrace(path_);
  const std::string link = directory_ + "/link.db";
  const std::string dangling = directory_ + "/dangling.db";
  std::filesystem::create_symlink(path_, link);
  std::filesystem::create_symlink(directory_ + "/nowhere", dangling);
  EXPECT_NE(RefusalOf(Options(link)), "");
  EXPECT_EQ(RefusalOf(Options(link, true)), link + " is a symbolic link: name the trace itself");
  for (const bool append : {false, true}) EXPECT_NE(RefusalOf(Options(dangling, append)), "");
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/nowhere"));
  std::filesystem::create_symlink(directory_ + "/victim", directory_ + "/new.db.lock");
  EXPECT_NE(RefusalOf(Options(directory_ + "/new.db")), "");
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/victim"));
  EXPECT_TRUE(Trace::Open(link).has_value()) << "reading through a link is harmless";
}

TEST_F(TraceFile, ADirectoryBehindALinkIsFine) {
  std::filesystem::create_directory(directory_ + "/real");
  std::filesystem::create_directory_symlink(directory_ + "/real", directory_ + "/linked");
  EXPECT_EQ(RefusalOf(Options(directory_ + "/linked/t.db")), "");
  EXPECT_EQ(RefusalOf(Options(directory_ + "/linked/t.db", true)), "");
}

TEST_F(TraceFile, AnotherOwnersFileIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  MakeTrace(path_);
  ASSERT_EQ(chown(path_.c_str(), 65534, 65534), 0);
  const std::string before = Bytes(path_);
  EXPECT_EQ(RefusalOf(Options(path_, true)), path_ + " belongs to another user: choose another file");
  EXPECT_EQ(Bytes(path_), before);
  EXPECT_EQ(RefusalOf(Options(directory_ + "/mine.db")), "");
  ASSERT_EQ(chown((directory_ + "/mine.db.lock").c_str(), 65534, 65534), -1) << "a lock is removed with its recorder";
}

TEST_F(TraceFile, WhatIsNoTraceIsRefusedAndLeftAlone) {
  MakeTrace(path_);
  const std::string trace = Bytes(path_);
  const std::string foreign = directory_ + "/foreign";
  const std::string newer = directory_ + "/newer";
  const std::string older = directory_ + "/older";
  RunSql(foreign, "CREATE TABLE execution (x)");
  WriteBytes(newer, trace);
  RunSql(newer, "PRAGMA user_version = 4711");
  WriteBytes(older, trace);
  RunSql(older, "PRAGMA user_version = 0");
  WriteBytes(directory_ + "/empty", "");
  WriteBytes(directory_ + "/text", "SELECT 1;\n");
  WriteBytes(directory_ + "/long_text", std::string(100'000, 'x'));
  WriteBytes(directory_ + "/cut_in_header", trace.substr(0, 50));
  WriteBytes(directory_ + "/cut_in_half", trace.substr(0, trace.size() / 2));
  std::filesystem::create_directory(directory_ + "/directory");
  ASSERT_EQ(mkfifo((directory_ + "/fifo").c_str(), 0600), 0);
  const std::pair<const char*, std::string> cases[] = {
      {"foreign", "a database of another program"},
      {"newer", "has trace format 4711; this pgassay knows up to " + std::to_string(kFormat)},
      {"older", "has trace format 0"},
      {"empty", "is empty"},
      {"text", "is no pgassay trace"},
      {"long_text", "is no pgassay trace"},
      {"cut_in_header", "is no pgassay trace"},
      {"cut_in_half", "is damaged"},
      {"directory", "is a directory"},
      {"fifo", "is no regular file"}};
  const auto names = Names(directory_);
  for (const auto& [name, reason] : cases) {
    const std::string path = directory_ + "/" + name;
    const bool file = std::filesystem::is_regular_file(path);
    const std::string before = file ? Bytes(path) : "";
    EXPECT_THAT(ReadRefusalOf(path), HasSubstr(reason)) << name;
    EXPECT_THAT(RefusalOf(Options(path, true)), HasSubstr(reason)) << name;
    EXPECT_THAT(RefusalOf(Options(path)), HasSubstr(path + " exists already")) << name;
    if (file) {
      EXPECT_EQ(Bytes(path), before) << name;
    }
  }
  EXPECT_EQ(Names(directory_), names) << "nothing was left beside them";
  EXPECT_THAT(ReadRefusalOf(directory_ + "/missing"), HasSubstr("No such file"));
  EXPECT_THAT(RefusalOf(Options(directory_ + "/missing/trace.db")), HasSubstr("No such file"));
  EXPECT_NE(RefusalOf(Options("")), "");
  EXPECT_NE(RefusalOf(Options(directory_ + "/")), "");
}

TEST_F(TraceFile, AForeignDatabaseInWalModeIsLeftAlone) {
  const std::string foreign = directory_ + "/foreign";
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(foreign.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "PRAGMA journal_mode = WAL; CREATE TABLE t (x)", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  const auto names = Names(directory_);
  EXPECT_NE(ReadRefusalOf(foreign), "");
  EXPECT_NE(RefusalOf(Options(foreign, true)), "");
  EXPECT_EQ(Names(directory_), names);
}

TEST_F(TraceFile, FlippedBitsAreRefusedOrHarmless) {
  MakeTrace(path_);
  const std::string whole = Bytes(path_);
  const std::string flipped = directory_ + "/flipped.db";
  std::mt19937_64 random(1);
  int refused = 0;
  for (int round = 0; round < 300; ++round) {
    std::string bytes = whole;
    const size_t range = round % 3 == 0 ? 4096 : bytes.size();  // a third of them in the header and the schema
    for (uint64_t flips = 1 + random() % 8; flips > 0; --flips) {
      bytes[random() % range] ^= static_cast<char>(1U << (random() % 8));
    }
    WriteBytes(flipped, bytes);
    const auto trace = Trace::Open(flipped);
    bool readable = trace.has_value();
    if (trace) {
      readable = trace->ReadTotals() && trace->Statements() && trace->Columns() && trace->Tags() && trace->Sessions() &&
                 trace->Units() && trace->UnitStatements() && trace->Edges() && trace->Repeats() && trace->Gaps() &&
                 trace->Timeline(1, 1000);
    }
    refused += readable ? 0 : 1;
    EXPECT_EQ(Bytes(flipped), bytes) << "reading never writes";
    for (const char* suffix : {"-wal", "-shm", "-journal"}) std::filesystem::remove(flipped + suffix);
  }
  EXPECT_GT(refused, 50);
}

TEST_F(TraceFile, AppendingToADamagedTraceIsRefused) {
  MakeTrace(path_);
  std::string bytes = Bytes(path_);
  for (size_t page = 1; page * 4096 < bytes.size(); ++page) bytes[page * 4096] = '\x7F';  // every page's type
  WriteBytes(path_, bytes);
  EXPECT_THAT(RefusalOf(Options(path_, true)), HasSubstr("is damaged"));
  EXPECT_EQ(Bytes(path_), bytes);
}

TEST_F(TraceFile, ReadersAndTheRecorderNeverWaitForEachOther) {
  auto recorder = MustOpen(Options(path_));
  Record(*recorder, 10);
  ASSERT_TRUE(recorder->Commit(1).has_value());
  const auto reader = Trace::Open(path_);  // a snapshot that stays open
  ASSERT_TRUE(reader.has_value());
  EXPECT_EQ(reader->ReadTotals()->executions, 10U);
  for (int i = 0; i < 300; ++i) {  // more than a checkpoint's worth
    Record(*recorder, 1000, 7, i + 2);
    ASSERT_TRUE(recorder->Commit(i).has_value());
  }
  EXPECT_EQ(reader->ReadTotals()->executions, 10U) << "one Trace, one moment";
  EXPECT_EQ(Trace::Open(path_)->ReadTotals()->executions, 300'010U);
  ASSERT_TRUE(recorder->Finish(1, true).has_value()) << "a reader does not hold up the end";
  EXPECT_EQ(reader->ReadTotals()->executions, 10U);
  EXPECT_TRUE(Trace::Open(path_)->ReadTotals()->complete);
}

TEST_F(TraceFile, TheLogDoesNotGrowForever) {
  auto recorder = MustOpen(Options(path_));
  uintmax_t largest = 0;
  for (int i = 0; i < 100; ++i) {
    Record(*recorder, 10'000, 7, i + 1);
    ASSERT_TRUE(recorder->Commit(i).has_value());
    largest = std::max(largest, std::filesystem::file_size(path_ + "-wal"));
  }
  EXPECT_GT(std::filesystem::file_size(path_), largest);
  EXPECT_LT(largest, 24U << 20);
}

// Where nothing can be written beside the trace. As another user: root may write anywhere.
class ReadOnlyPlace : public TraceTest {
 protected:
  template <class Body>
  int AsNobody(Body body) {
    return InChild([&] {
      if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return false;
      return body();
    });
  }
  void MakeReadOnly() {
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) chmod(entry.path().c_str(), 0444);
    chmod(directory_.c_str(), 0555);
  }
  void TearDown() override {
    chmod(directory_.c_str(), 0755);
    TraceTest::TearDown();
  }
};

TEST_F(ReadOnlyPlace, AFinishedTraceIsReadable) {
  MakeTrace(path_);
  MakeReadOnly();
  EXPECT_EQ(AsNobody([&] { return Trace::Open(path_)->ReadTotals()->executions == 50; }), 0);
}

TEST_F(ReadOnlyPlace, ATraceLeftInWalModeIsReadableAsFarAsItWasFolded) {
  MakeTrace(path_);
  RunSql(path_, "PRAGMA journal_mode = WAL");
  MakeReadOnly();
  EXPECT_EQ(AsNobody([&] { return Trace::Open(path_)->ReadTotals()->executions == 50; }), 0);
}

TEST_F(ReadOnlyPlace, AKilledTraceIsReadOrRefusedButNeverMisread) {
  EXPECT_EQ(InChild([&] {
              auto recorder = Recorder::Open(Options(path_));
              Record(**recorder, 50);
              return (*recorder)->Commit(1).has_value() && kill(getpid(), SIGKILL) == 0;
            }),
            -1);
  MakeReadOnly();
  EXPECT_EQ(AsNobody([&] { return Trace::Open(path_)->ReadTotals()->executions == 50; }), 0) << "-shm is still there";
  chmod(directory_.c_str(), 0755);
  std::filesystem::remove(path_ + "-shm");
  chmod(directory_.c_str(), 0555);
  EXPECT_EQ(AsNobody([&] { return ReadRefusalOf(path_).find("was not closed in order") != std::string::npos; }), 0);
}

TEST_F(TraceFile, EveryTableAndColumnIsExplained) {
  MustOpen(Options(path_));
  auto db = Database::Open(path_, SQLITE_OPEN_READONLY);
  auto tables = Query::Prepare(*db, "SELECT name, sql FROM sqlite_schema WHERE type = 'table'");
  int count = 0;
  while (*tables->Step()) {
    const std::string name(tables->Text(0));
    const std::string sql(tables->Text(1));
    EXPECT_THAT(sql.substr(0, sql.find('\n')), testing::MatchesRegex(".*\\( +-- .+")) << name;
    auto columns = Query::Prepare(*db, "SELECT name FROM pragma_table_info(?)");
    columns->Bind(1, std::string_view(name));
    while (*columns->Step()) {
      const std::string column(columns->Text(0));
      EXPECT_THAT(sql, testing::ContainsRegex("\n  " + column + " [^\n]*-- .+")) << name << "." << column;
    }
    ++count;
  }
  EXPECT_GE(count, 15);
}

TEST_F(TraceFile, IsKnownByItsNumbers) {
  MakeTrace(path_);
  EXPECT_EQ(NumberIn(path_, "PRAGMA application_id"), 0x70676173);
  EXPECT_EQ(NumberIn(path_, "PRAGMA user_version"), kFormat);
  EXPECT_EQ(TextIn(path_, "SELECT command || ' ' || parser || ' ' || tool_version FROM recording"),
            std::string("run libpg_query 15 ") + PGASSAY_VERSION);
}

}  // namespace
}  // namespace pgassay::trace
