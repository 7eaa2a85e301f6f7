#include "analyzer/ingest/texts.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "proxy/session/query_event.h"
#include "tests/analyzer/trace/trace_fixture.h"

namespace pgassay::ingest {
namespace {

class TextsTest : public trace::TraceTest {
 protected:
  void SetUp() override {
    TraceTest::SetUp();
    recorder_ = trace::MustOpen(trace::Options(path_));
    texts_.emplace(key_, *recorder_, 1);
  }
  static std::string Sql(uint64_t n) { return "SELECT a FROM t WHERE b = " + std::to_string(n); }
  static uint64_t Hash(uint64_t n) { return n + 1; }
  void Add(uint64_t n) { texts_->Add(Hash(n), Sql(n)); }
  const Text* Find(uint64_t n) { return texts_->Find(Hash(n)); }

  HashKey key_ = HashKey::ForTests(1);
  std::unique_ptr<trace::Recorder> recorder_;
  std::optional<Texts> texts_;
};

TEST_F(TextsTest, ManyLiteralsAreOneShape) {
  for (uint64_t n = 0; n < 100; ++n) Add(n);
  const Shape* const shape = Find(0)->statements.at(0).shape;
  for (uint64_t n = 0; n < 100; ++n) {
    const TextStatement& statement = Find(n)->statements.at(0);
    EXPECT_EQ(statement.shape, shape);
    EXPECT_EQ(statement.values.at(0).hash.hash, HashTextValue(key_, 1700, std::to_string(n)).hash);
  }
}

// The memory of a text that went serves the next one: nothing of it may be left.
TEST_F(TextsTest, ATextReadIntoUsedMemoryIsItselfAlone) {
  for (uint64_t n = 0; n < 6 * session::kKnownTexts; n += 2) {
    texts_->Add(Hash(n), "/*route='/a'*/ SELECT 1, 2; PREPARE p AS SELECT 3; SELECT " + std::to_string(n));
    Add(n + 1);
    const Text* const text = Find(n + 1);
    ASSERT_NE(text, nullptr);
    ASSERT_EQ(text->statements.size(), 1U);
    EXPECT_TRUE(text->statements[0].tags.empty());
    EXPECT_EQ(text->statements[0].verb, NamedVerb::kNone);
    EXPECT_EQ(text->statements[0].name, "");
    EXPECT_EQ(text->statements[0].inner, nullptr);
    EXPECT_EQ(text->statements[0].slots.size(), 1U);
    EXPECT_EQ(text->statements[0].values.size(), 1U);
  }
}

// What a loop takes for known is here, however many texts are in use beside it.
TEST_F(TextsTest, TheLastKnownTextsAreHereWhileOthersAreUsedAllTheTime) {
  for (uint64_t n = 0; n < 12 * session::kKnownTexts; ++n) {
    Add(n);
    if (n < 3 * session::kKnownTexts) continue;
    EXPECT_NE(Find(n % 128), nullptr) << "used all the time";
    EXPECT_NE(Find(n - session::kKnownTexts), nullptr);
  }
}

TEST_F(TextsTest, APinnedTextOutlivesAnyNumberOfOthers) {
  Add(0);
  texts_->Pin(Hash(0));
  for (uint64_t n = 1; n < 12 * session::kKnownTexts; ++n) Add(n);
  EXPECT_NE(Find(0), nullptr);
  EXPECT_EQ(Find(1), nullptr) << "and the others go";
}

// Who writes ever new statements does not fill the memory: those beyond a bound are counted together.
TEST_F(TextsTest, StatementsBeyondABoundAreOne) {
  constexpr uint64_t kMany = 20'000;
  const auto add = [&](uint64_t n) {
    texts_->Add(Hash(n), "SELECT a" + std::to_string(n));
    return Find(n)->statements.at(0).shape;
  };
  const Shape* const first = add(0);
  for (uint64_t n = 1; n < kMany; ++n) add(n);
  const Shape* const beyond = add(kMany);
  EXPECT_NE(beyond, first);
  EXPECT_EQ(add(kMany + 1), beyond);
  EXPECT_EQ(texts_->Pseudo("(beyond 20 000 different statements)"), beyond);
  EXPECT_EQ(add(0), first) << "and the others are still known";
}

}  // namespace
}  // namespace pgassay::ingest
