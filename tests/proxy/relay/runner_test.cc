#include "proxy/relay/runner.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

namespace pgassay::relay {
namespace {

using session::ScopeMark;
using session::ScopePhase;

// Keeps marks as "phase scope name", where views would not stay valid.
class MarkSink : public session::RecordSink {
 public:
  void Emit(const session::Record& record) override {
    const auto& mark = std::get<ScopeMark>(record);
    marks.push_back(std::to_string(static_cast<int>(mark.phase)) + " " + std::to_string(mark.scope_id) + " " +
                    std::string(mark.name));
  }
  bool WantsText(uint64_t) override { return true; }
  bool WantsColumns(uint64_t) override { return true; }
  std::vector<std::string> marks;
};

class RunnerTest : public testing::Test {
 protected:
  std::string Say(std::string_view line) { return runner_.OnLine(line, ++now_ns_, next_scope_id_, sink_); }

  MarkSink sink_;
  uint64_t next_scope_id_ = 7;
  int64_t now_ns_ = 0;
  Runner runner_{1, 4711, "s3cret"};
};

TEST_F(RunnerTest, TellsSetupCallAndTeardownOfATestApart) {
  EXPECT_EQ(Say("hello version=1&token=s3cret"), "ok version=1\n");
  EXPECT_EQ(Say("open name=t&phase=setup"), "ok scope=7\n");
  EXPECT_EQ(Say("phase phase=call"), "ok\n");
  EXPECT_EQ(Say("phase phase=teardown"), "ok\n");
  EXPECT_EQ(Say("close outcome=passed"), "ok\n");
  runner_.OnEnd(++now_ns_, sink_);
  EXPECT_EQ(sink_.marks, (std::vector<std::string>{"4 0 ", "1 7 t", "2 7 t", "3 7 t", "4 7 t", "0 7 t"}));
}

TEST_F(RunnerTest, ANewScopeEndsTheOneBefore) {
  Say("hello version=1&token=s3cret");
  Say("open name=a");
  EXPECT_EQ(Say("open name=b"), "ok scope=8\n");
  EXPECT_EQ(sink_.marks, (std::vector<std::string>{"4 0 ", "2 7 a", "4 7 a", "2 8 b"}));
}

TEST_F(RunnerTest, RefusesAWrongTokenAndWhoeverDoesNotGreet) {
  EXPECT_TRUE(Say("open name=a").starts_with("error hello-first "));
  EXPECT_TRUE(runner_.refused());
  for (const char* token : {"", "s3cre", "s3cret!", "S3cret"}) {
    Runner other(2, 0, "s3cret");
    const std::string reply = other.OnLine(std::string("hello version=1&token=") + token, 1, next_scope_id_, sink_);
    EXPECT_TRUE(reply.starts_with("error token ")) << token;
    EXPECT_TRUE(other.refused());
    other.OnEnd(2, sink_);
  }
  EXPECT_TRUE(sink_.marks.empty());
}

TEST_F(RunnerTest, WhatItCannotTakeChangesNothing) {
  Say("hello version=1&token=s3cret");
  const size_t marks = sink_.marks.size();
  for (const char* line : {"open", "open name=", "open name=a&kind=x", "open name=a&phase=x", "open name=a&line=-1",
                           "phase phase=call", "close", "fly", "", "hello version=1&token=s3cret&pid=x"}) {
    EXPECT_TRUE(Say(line).starts_with("error ")) << line;
    EXPECT_FALSE(runner_.refused()) << line;
  }
  EXPECT_TRUE(Say("open name=" + std::string(1025, 'x')).starts_with("error too-long "));
  EXPECT_EQ(sink_.marks.size(), marks);
}

}  // namespace
}  // namespace pgassay::relay
