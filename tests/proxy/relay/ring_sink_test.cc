#include "proxy/relay/ring_sink.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <set>

namespace pgassay::relay {
namespace {

class RingSinkTest : public ::testing::Test {
 protected:
  static constexpr size_t kCapacity = 4096;

  RingSinkTest() { recorder_.generation = 1; }

  static session::SessionOpened Opened(uint64_t session_id) {
    return {.session_id = session_id,
            .time_ns = 5,
            .connected_ns = 4,
            .client_pid = 0,
            .route = 0,
            .replication = false,
            .client_address = "127.0.0.1:9",
            .upstream_address = "127.0.0.1:5432",
            .user = "app",
            .database = "shop",
            .application_name = "",
            .server_version = "15"};
  }
  static session::StatementText Text(uint64_t hash, std::string_view text) { return {hash, text.size(), text}; }
  std::vector<session::Record> TakeAll() {
    std::vector<session::Record> records;
    for (; !consumer_.Empty(); consumer_.Pop()) records.push_back(session::DecodeRecord(consumer_.Front()));
    return records;
  }

  alignas(64) std::array<std::byte, kCapacity + 128> memory_{};
  SharedRing producer_ = SharedRing::Attach(memory_);
  SharedRing consumer_ = SharedRing::Attach(memory_);
  LoopTotals totals_{};
  RecorderTotals recorder_{};
};

TEST_F(RingSinkTest, OffersADictionaryEntryOncePerRecorder) {
  RingSink sink(producer_, totals_, recorder_);
  EXPECT_TRUE(sink.WantsText(7));
  EXPECT_FALSE(sink.WantsText(7));
  EXPECT_TRUE(sink.WantsColumns(7));
  EXPECT_FALSE(sink.WantsColumns(7));
  sink.OnBatch();
  EXPECT_FALSE(sink.WantsText(7));
  recorder_.generation = 2;
  sink.OnBatch();
  EXPECT_TRUE(sink.WantsText(7));
  EXPECT_TRUE(sink.WantsColumns(7));
}

TEST_F(RingSinkTest, AnnouncesOpenSessionsToANewRecorder) {
  RingSink sink(producer_, totals_, recorder_);
  for (uint64_t id = 1; id <= 3; ++id) sink.Emit(Opened(id));
  sink.Emit(session::SessionClosed{.session_id = 2,
                                   .time_ns = 6,
                                   .end = {},
                                   .opaque = {},
                                   .relayed_frontend_bytes = 0,
                                   .relayed_backend_bytes = 0,
                                   .decoded_bytes = 0,
                                   .skipped_bytes = 0,
                                   .opaque_bytes = 0});
  EXPECT_EQ(TakeAll().size(), 4u);
  recorder_.generation = 2;
  sink.OnBatch();
  std::set<uint64_t> announced;
  for (const session::Record& record : TakeAll()) {
    const auto* opened = std::get_if<session::SessionOpened>(&record);
    ASSERT_NE(opened, nullptr);
    EXPECT_EQ(opened->user, "app");
    EXPECT_EQ(opened->database, "shop");
    announced.insert(opened->session_id);
  }
  EXPECT_EQ(announced, (std::set<uint64_t>{1, 3}));
  sink.OnBatch();
  EXPECT_TRUE(consumer_.Empty());
}

TEST_F(RingSinkTest, GivesANewRecorderTheTextsOfNamedStatementsAndTheColumns) {
  RingSink sink(producer_, totals_, recorder_);
  for (uint64_t hash = 1; hash <= 3; ++hash) {
    ASSERT_TRUE(sink.WantsText(hash));
    sink.Emit(Text(hash, "SELECT " + std::to_string(hash)));
  }
  sink.Emit(session::StatementPrepared{.session_id = 1, .time_ns = 1, .text_hash = 2, .name = "named"});
  ASSERT_TRUE(sink.WantsColumns(9));
  sink.Emit(session::ColumnsDescribed{.columns_hash = 9, .columns = {}});
  for (; !consumer_.Empty(); consumer_.Pop()) consumer_.Front();
  recorder_.generation = 2;
  sink.OnBatch();
  std::vector<std::string> texts;
  std::vector<uint64_t> columns;
  for (; !consumer_.Empty(); consumer_.Pop()) {
    const session::Record record = session::DecodeRecord(consumer_.Front());
    if (const auto* text = std::get_if<session::StatementText>(&record)) texts.emplace_back(text->text);
    if (const auto* described = std::get_if<session::ColumnsDescribed>(&record)) {
      columns.push_back(described->columns_hash);
    }
  }
  EXPECT_EQ(texts, std::vector<std::string>{"SELECT 2"});
  EXPECT_EQ(columns, std::vector<uint64_t>{9});
  EXPECT_FALSE(sink.WantsText(2));
  EXPECT_FALSE(sink.WantsColumns(9));
  EXPECT_TRUE(sink.WantsText(1));
}

TEST_F(RingSinkTest, OffersATextAgainThatTheRecorderMayHaveForgotten) {
  RingSink sink(producer_, totals_, recorder_);
  ASSERT_TRUE(sink.WantsText(1));
  size_t sent = 1;
  for (uint64_t hash = 2; !sink.WantsText(1); ++hash) {
    ASSERT_LE(sent, session::kKnownTexts);
    sent += sink.WantsText(hash) ? 1 : 0;
  }
  EXPECT_GT(sent, session::kKnownTexts / 8) << "but not all the time";
}

TEST_F(RingSinkTest, CountsWhatDoesNotFitAndOffersALostTextAgain) {
  RingSink sink(producer_, totals_, recorder_);
  const std::string text(1000, 'x');
  uint64_t hash = 0;
  while (totals_.dropped_events == 0) {
    ++hash;
    ASSERT_TRUE(sink.WantsText(hash));
    sink.Emit(Text(hash, text));
  }
  EXPECT_GE(hash, 3u);
  EXPECT_EQ(TakeAll().size(), hash - 1);
  EXPECT_TRUE(sink.WantsText(hash)) << "a lost text must be sent again";
  EXPECT_FALSE(sink.WantsText(hash - 1));
  EXPECT_EQ(totals_.dropped_value_batches, 0u);
}

TEST_F(RingSinkTest, LetsRecordsWaitForTheClientsProcess) {
  RingSink sink(producer_, totals_, recorder_);
  const auto pid = std::make_shared<ClientPid>();
  sink.AwaitClient(1, pid);
  sink.Emit(Text(1, "before"));
  sink.Emit(Opened(1));
  sink.Emit(Text(2, "behind"));
  EXPECT_TRUE(sink.waiting());
  EXPECT_EQ(TakeAll().size(), 1u);
  sink.Release(0, false);
  EXPECT_TRUE(sink.waiting());
  pid->value = 4711;
  sink.Release(0, false);
  EXPECT_FALSE(sink.waiting());
  for (; !consumer_.Empty(); consumer_.Pop()) {
    const session::Record record = session::DecodeRecord(consumer_.Front());
    if (const auto* opened = std::get_if<session::SessionOpened>(&record)) {
      EXPECT_EQ(opened->client_pid, 4711);
      EXPECT_EQ(opened->database, "shop");
    } else {
      EXPECT_EQ(std::get<session::StatementText>(record).text, "behind");
    }
  }

  sink.AwaitClient(2, std::make_shared<ClientPid>());  // never answered
  sink.Emit(Opened(2));
  sink.Release(INT64_MAX, false);
  EXPECT_FALSE(sink.waiting());
  EXPECT_EQ(std::get<session::SessionOpened>(session::DecodeRecord(consumer_.Front())).client_pid, 0);
}

TEST_F(RingSinkTest, KeepsAQuarterOfTheRingForEvents) {
  RingSink sink(producer_, totals_, recorder_);
  session::RowBatch batch{};
  const std::vector<uint32_t> column_bytes(40, 1);
  batch.column_count = 40;
  batch.column_bytes = column_bytes;
  batch.column_nulls = column_bytes;
  while (totals_.dropped_value_batches == 0) sink.Emit(batch);
  EXPECT_GE(producer_.FreeBytes(), kCapacity / 4);
  EXPECT_EQ(totals_.dropped_events, 0u);
  sink.Emit(Text(1, std::string(500, 'x')));
  EXPECT_EQ(totals_.dropped_events, 0u);
}

TEST(RecentHashes, NeverForgetsWhileItHasRoomAndIsBoundedAfter) {
  RecentHashes few(1 << 10);
  std::mt19937_64 random(1);
  std::vector<uint64_t> hashes(1 << 8);
  std::ranges::generate(hashes, [&] { return random(); });
  for (const uint64_t hash : hashes) EXPECT_TRUE(few.Insert(hash));
  for (const uint64_t hash : hashes) EXPECT_FALSE(few.Insert(hash));
  few.Erase(hashes[5]);
  EXPECT_TRUE(few.Insert(hashes[5]));
  for (int i = 0; i < 100'000; ++i) few.Insert(random());
  EXPECT_TRUE(few.Insert(random()));
  few.Clear();
  EXPECT_TRUE(few.Insert(hashes[0]));
}

TEST_F(RingSinkTest, AsksForAnEvenSampleOfValuesTheSlowestAndTheLargest) {
  RingSink off(producer_, totals_, recorder_);
  EXPECT_FALSE(off.KeepsValues());
  RingSink sink(producer_, totals_, recorder_, true);
  EXPECT_TRUE(sink.KeepsValues());
  constexpr uint64_t kTexts = 400;
  constexpr size_t kExecutions = 64;
  std::array<uint64_t, kExecutions> wanted{};
  for (uint64_t text = 1; text <= kTexts; ++text) {
    for (uint64_t& count : wanted) count += sink.WantsValues(text, 0, 0) ? 1 : 0;
  }
  for (size_t i = 0; i < kExecutions; ++i) {
    const double share = i < 8 ? 1 : 8.0 / static_cast<double>(i + 1);
    EXPECT_NEAR(static_cast<double>(wanted[i]), share * kTexts, 60) << i;  // three standard deviations
  }
  EXPECT_TRUE(sink.WantsValues(1, 1000, 0));
  EXPECT_TRUE(sink.WantsValues(1, 1000, 50));
}

TEST_F(RingSinkTest, DropsValuesBeforeEvents) {
  RingSink sink(producer_, totals_, recorder_, true);
  const std::string value(300, 'x');
  const session::SentValues sent{.session_id = 1,
                                 .execution_id = 2,
                                 .time_ns = 3,
                                 .values = {{.type_oid = 25, .null = false, .binary = false, .value = value}}};
  for (int i = 0; i < 100; ++i) sink.Emit(sent);
  EXPECT_EQ(totals_.dropped_events.load(), 0U);
  sink.Emit(Text(9, "select 1"));  // the reserve is there for it
  EXPECT_EQ(totals_.dropped_events.load(), 0U);
  const auto records = TakeAll();
  EXPECT_GT(records.size(), 3U);
  EXPECT_LT(records.size(), 100U);
  EXPECT_TRUE(std::holds_alternative<session::StatementText>(records.back()));
}

}  // namespace
}  // namespace pgassay::relay
