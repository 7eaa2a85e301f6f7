#include "proxy/wire/frame_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/wire_builder.h"

namespace pgassay::wire {
namespace {

using namespace tests;
using Step = FrameReader::Step;

struct Seen {
  std::vector<std::string> frames;  // type, length, body
  Step end = Step::kNeedMore;
  uint64_t decoded = 0, skipped = 0;
  friend bool operator==(const Seen&, const Seen&) = default;
};

// Skips DataRows, streams CopyData, takes at most five bytes of anything else.
BodyPolicy Policy(char type, uint64_t) {
  if (type == 'D') return {Want::kSkip, 0};
  if (type == 'd') return {Want::kStream, 0};
  return {Want::kWhole, 5};
}

Seen Read(const std::vector<std::string>& reads) {
  FrameReader reader(Origin::kBackend);
  Seen seen;
  std::string streamed;
  for (const std::string& read : reads) {
    std::string_view bytes = read;
    Frame frame;
    while (seen.end == Step::kNeedMore) {
      const Step step = reader.Next(bytes, Policy, frame);
      if (step == Step::kNeedMore) break;
      if (step != Step::kFrame) {
        seen.end = step;
        break;
      }
      if (frame.want == Want::kStream) {
        if (frame.first) streamed.clear();
        streamed += frame.body;
        if (!frame.last) continue;
      }
      seen.frames.push_back(frame.type + std::to_string(frame.total_length) + ":" +
                            std::string(frame.want == Want::kStream ? streamed : frame.body));
    }
  }
  seen.decoded = reader.decoded();
  seen.skipped = reader.skipped();
  return seen;
}

const std::string kStream = CommandComplete("SELECT 1") + DataRow({"a value"}) + CopyData("some data") +
                            ReadyForQuery() + DataRow({std::nullopt}) + ParseComplete() + CopyData("");

TEST(FrameReader, CutsAStreamIntoMessages) {
  const Seen seen = Read({kStream});
  EXPECT_EQ(seen.frames,
            (std::vector<std::string>{"C14:SELEC", "D18:", "d14:some data", "Z6:I", "D11:", "15:", "d5:"}));
  EXPECT_EQ(seen.end, Step::kNeedMore);
  EXPECT_EQ(seen.skipped, 29U);
  EXPECT_EQ(seen.decoded + seen.skipped, kStream.size());
}

TEST(FrameReader, GivesTheSameFramesForEverySplit) {
  const Seen whole = Read({kStream});
  for (size_t first = 0; first <= kStream.size(); ++first) {
    EXPECT_EQ(Read({kStream.substr(0, first), kStream.substr(first)}), whole) << first;
    for (size_t second = first; second <= kStream.size(); ++second) {
      EXPECT_EQ(Read({kStream.substr(0, first), kStream.substr(first, second - first), kStream.substr(second)}), whole)
          << first << ", " << second;
    }
  }
  std::vector<std::string> bytes;
  for (const char byte : kStream) bytes.emplace_back(1, byte);
  EXPECT_EQ(Read(bytes), whole);
}

TEST(FrameReader, CountsEveryByteAtEveryMoment) {
  FrameReader reader(Origin::kBackend);
  uint64_t taken = 0;
  for (const char byte : kStream) {
    std::string_view bytes(&byte, 1);
    Frame frame;
    while (reader.Next(bytes, Policy, frame) == Step::kFrame) {
    }
    EXPECT_EQ(reader.decoded() + reader.skipped(), ++taken);
  }
}

TEST(FrameReader, BorrowsABodyThatOneReadHolds) {
  FrameReader reader(Origin::kBackend);
  const std::string message = CommandComplete("SELECT 1");
  std::string_view bytes = message;
  Frame frame;
  ASSERT_EQ(reader.Next(bytes, Policy, frame), Step::kFrame);
  EXPECT_EQ(frame.body.data(), message.data() + 5);
}

TEST(FrameReader, RefusesLengthsBelowFourAndNegativeOnes) {
  for (const int64_t length : {int64_t{0}, int64_t{3}, int64_t{-1}, int64_t{0x80000000}}) {
    for (const size_t cut : {size_t{5}, size_t{2}}) {
      const std::string message = "C" + Int32(length);
      const Seen seen = Read({message.substr(0, cut), message.substr(cut)});
      EXPECT_EQ(seen.end, Step::kBadLength) << length;
      EXPECT_EQ(seen.decoded + seen.skipped, 0U) << "a broken header is given up";
    }
  }
}

TEST(FrameReader, RefusesUnknownTypesAtTheirFirstByte) {
  EXPECT_EQ(Read({"?"}).end, Step::kUnknownType);
  EXPECT_EQ(Read({ReadyForQuery() + "Q"}).end, Step::kUnknownType);  // a frontend's type
  EXPECT_EQ(Read({ReadyForQuery() + "Q"}).decoded, 6U);
}

TEST(FrameReader, HoldsNoMoreThanItsCapOfAPromisedGigabyte) {
  FrameReader reader(Origin::kBackend);
  const std::string head = "C" + Int32(1'000'000'000);
  std::string_view bytes = head;
  Frame frame;
  EXPECT_EQ(reader.Next(bytes, Policy, frame), Step::kNeedMore);
  const std::string body(100'000, 'x');
  for (uint64_t left = 999'999'996; left > 0;) {
    bytes = std::string_view(body).substr(0, left);
    left -= bytes.size();
    const Step step = reader.Next(bytes, Policy, frame);
    EXPECT_EQ(step, left == 0 ? Step::kFrame : Step::kNeedMore);
  }
  EXPECT_EQ(frame.body, "xxxxx");
  EXPECT_EQ(frame.body_length, 999'999'996U);
}

TEST(FrameReader, AbandonGivesBackTheFrameThatBroke) {
  FrameReader reader(Origin::kBackend);
  const std::string messages = ReadyForQuery() + CommandComplete("SELECT 1");
  std::string_view bytes = messages;
  Frame frame;
  ASSERT_EQ(reader.Next(bytes, Policy, frame), Step::kFrame);
  EXPECT_EQ(reader.AbandonUnfinished(), 0U);
  ASSERT_EQ(reader.Next(bytes, Policy, frame), Step::kFrame);
  EXPECT_EQ(reader.Abandon(), CommandComplete("SELECT 1").size());
  EXPECT_EQ(reader.decoded(), 6U);
}

TEST(FrameReader, UntypedMessagesAreThoseBeforeLogin) {
  FrameReader reader(Origin::kFrontend);
  reader.SetUntyped(true);
  const std::string message = StartupMessage({{"user", "u"}});
  std::string_view bytes = message;
  Frame frame;
  const auto whole = [](char, uint64_t) { return BodyPolicy{Want::kWhole, 10'000}; };
  ASSERT_EQ(reader.Next(bytes, whole, frame), Step::kFrame);
  EXPECT_EQ(frame.type, kStartupFrame);
  EXPECT_EQ(frame.total_length, message.size());
  EXPECT_EQ(frame.body, std::string_view(message).substr(4));
  const std::string too_long = Int32(10'005);
  bytes = too_long;
  EXPECT_EQ(reader.Next(bytes, whole, frame), Step::kBadLength);
}

}  // namespace
}  // namespace pgassay::wire
