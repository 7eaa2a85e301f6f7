// What a killed recorder leaves behind, and what a disk that refuses does to a living one.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "tests/analyzer/trace/trace_fixture.h"

namespace pgassay::trace {
namespace {

using testing::HasSubstr;

using Crash = TraceTest;

TEST_F(Crash, WhatWasCommittedSurvivesKill) {
  for (int round = 0; round < 12; ++round) {
    const std::string path = directory_ + "/" + std::to_string(round);
    int told[2];
    ASSERT_EQ(pipe(told), 0);
    const pid_t child = fork();
    if (child == 0) {
      auto recorder = Recorder::Open(Options(path));
      for (int64_t commits = 1;; ++commits) {
        Record(**recorder, 700, 7, commits);
        if (!(*recorder)->Commit(commits) || write(told[1], &commits, sizeof commits) != sizeof commits) _exit(1);
      }
    }
    close(told[1]);
    int64_t commits = 0;
    const int wanted = 1 + round * 5;  // the later rounds die in and around checkpoints
    while (commits < wanted && read(told[0], &commits, sizeof commits) == sizeof commits) {
    }
    usleep(static_cast<useconds_t>(round * 300));  // somewhere within the next commit
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    while (read(told[0], &commits, sizeof commits) == sizeof commits) {  // those that it still told of
    }
    close(told[0]);

    const auto trace = Trace::Open(path);
    ASSERT_TRUE(trace.has_value()) << trace.error().message;
    const auto totals = trace->ReadTotals();
    EXPECT_GE(totals->executions, static_cast<uint64_t>(commits) * 700);
    EXPECT_EQ(totals->executions % 700, 0U) << "whole commits only";
    EXPECT_EQ(totals->units, totals->executions / 700);
    EXPECT_FALSE(totals->complete);
    EXPECT_EQ(NumberIn(path, "SELECT count(*) FROM execution"), static_cast<int64_t>(totals->executions));
    EXPECT_EQ(TextIn(path, "PRAGMA integrity_check"), "ok");
  }
}

// Recording while `full` makes every write fail, and after it stopped doing so.
template <class Full, class Empty>
void PausesAndResumes(const std::string& path, const char* reason, Full full, Empty empty) {
  auto recorder = MustOpen(Options(path));
  Record(*recorder, 100);
  ASSERT_TRUE(recorder->Commit(1'000).has_value());
  full();
  std::string first_error;
  int64_t now_ns = 2'000;
  for (int i = 0; i < 30; ++i, now_ns += 1'000) {
    Record(*recorder, 10'000, 7, 2 + i);
    const auto committed = recorder->Commit(now_ns);
    if (!committed && first_error.empty()) first_error = committed.error().message;
    if (!first_error.empty()) {
      ASSERT_FALSE(committed.has_value()) << "still full";
    }
  }
  EXPECT_THAT(first_error, HasSubstr("cannot write trace " + path));
  EXPECT_FALSE(recorder->CommitDue(now_ns)) << "no hammering on a full disk";
  EXPECT_TRUE(recorder->CommitDue(now_ns + 2'000'000'000));
  EXPECT_EQ(TextIn(path, "PRAGMA integrity_check"), "ok");
  empty();
  ASSERT_TRUE(recorder->Commit(now_ns).has_value()) << "resumes by itself";
  Record(*recorder, 100, 7, 99);
  ASSERT_TRUE(recorder->Finish(now_ns + 1'000, true).has_value());

  const auto trace = Trace::Open(path);
  ASSERT_TRUE(trace.has_value()) << trace.error().message;
  const auto totals = trace->ReadTotals();
  EXPECT_EQ(totals->executions, 300'200U) << "rollups lose nothing";
  EXPECT_FALSE(totals->complete);
  const auto gaps = trace->Gaps();
  ASSERT_EQ(gaps->size(), 1U);
  EXPECT_EQ(gaps->front().reason, reason);
  EXPECT_GE(gaps->front().from_ns, 2'000);
  EXPECT_EQ(gaps->front().to_ns, now_ns);
  const auto stored = NumberIn(path, "SELECT count(*) FROM execution");
  EXPECT_GT(gaps->front().lost, 0U) << "more came than may wait in memory";
  EXPECT_EQ(static_cast<uint64_t>(stored) + gaps->front().lost, 300'200U) << "stored and lost are all there was";
  EXPECT_EQ(TextIn(path, "PRAGMA integrity_check"), "ok");
}

TEST_F(Crash, AFileThatMayNotGrowPausesRecording) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto ignored = signal(SIGXFSZ, SIG_IGN);
  PausesAndResumes(
      path_, "io_error",
      [&] {
        const rlimit small{.rlim_cur = 262'144, .rlim_max = before.rlim_max};
        ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
      },
      [&] { ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0); });
  signal(SIGXFSZ, ignored);
}

TEST_F(Crash, AFullDiskPausesRecording) {
  const std::string disk = directory_ + "/disk";
  std::filesystem::create_directory(disk);
  if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=64m") != 0) GTEST_SKIP() << "may not mount a small disk";
  const std::string ballast = disk + "/ballast";
  PausesAndResumes(
      disk + "/trace.db", "disk_full",
      [&] {
        std::ofstream file(ballast);
        const std::string block(4096, 'x');
        while (file.write(block.data(), 4096).flush()) {
        }
      },
      [&] { std::filesystem::remove(ballast); });
  EXPECT_EQ(umount(disk.c_str()), 0);
}

TEST_F(Crash, ALockedFilePausesRecording) {
  auto recorder = MustOpen(Options(path_));
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  Record(*recorder, 10);
  const auto refused = recorder->Commit(5);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("locked"));
  sqlite3_close(db);
  ASSERT_TRUE(recorder->Finish(9, true).has_value());
  const auto trace = Trace::Open(path_);
  EXPECT_EQ(trace->Gaps()->front().reason, "locked");
  EXPECT_EQ(trace->Gaps()->front().lost, 0U);
  EXPECT_EQ(trace->ReadTotals()->executions, 10U);
  EXPECT_FALSE(trace->ReadTotals()->complete);
}

TEST_F(Crash, ADiskThatIsFullFromTheStartLeavesNothing) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto ignored = signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = 8192, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string refusal = RefusalOf(Options(path_));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  signal(SIGXFSZ, ignored);
  EXPECT_THAT(refusal, HasSubstr("cannot create trace " + path_));
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

}  // namespace
}  // namespace pgassay::trace
