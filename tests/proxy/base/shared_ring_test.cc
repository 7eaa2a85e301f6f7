#include "proxy/base/shared_ring.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace pgassay {
namespace {

constexpr size_t kHeaderBytes = 128;

class RingMemory {
 public:
  explicit RingMemory(size_t capacity) : size_(capacity + kHeaderBytes) {
    void* memory = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(memory, MAP_FAILED);
    memory_ = static_cast<std::byte*>(memory);
  }
  ~RingMemory() { ::munmap(memory_, size_); }
  RingMemory(const RingMemory&) = delete;
  RingMemory& operator=(const RingMemory&) = delete;
  std::span<std::byte> span() { return {memory_, size_}; }

 private:
  std::byte* memory_;
  size_t size_;
};

std::span<const std::byte> AsBytes(std::string_view text) { return std::as_bytes(std::span(text)); }
std::string AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
// A record that tells from its number what it must hold.
std::string Numbered(uint64_t number) {
  std::string text = std::to_string(number) + ":";
  text.append(number * 7 % 90, static_cast<char>('a' + number % 26));
  return text;
}

TEST(SharedRing, GivesBackWhatWasPushedInOrder) {
  RingMemory memory(4096);
  SharedRing producer = SharedRing::Attach(memory.span());
  SharedRing consumer = SharedRing::Attach(memory.span());
  EXPECT_TRUE(consumer.Empty());
  EXPECT_TRUE(consumer.Front().empty());
  ASSERT_TRUE(producer.TryPush(AsBytes("head"), AsBytes("body")));
  ASSERT_TRUE(producer.TryPush(AsBytes("x"), {}));
  EXPECT_FALSE(consumer.Empty());
  EXPECT_EQ(AsText(consumer.Front()), "headbody");
  EXPECT_EQ(AsText(consumer.Front()), "headbody");
  consumer.Pop();
  EXPECT_EQ(AsText(consumer.Front()), "x");
  consumer.Pop();
  EXPECT_TRUE(consumer.Empty());
}

TEST(SharedRing, RoundsItsCapacityDownToAPowerOfTwo) {
  RingMemory memory(5000);
  EXPECT_EQ(SharedRing::Attach(memory.span()).capacity(), 4096u);
}

TEST(SharedRing, KeepsRecordsContiguousAcrossManyWraparounds) {
  RingMemory memory(1024);
  SharedRing producer = SharedRing::Attach(memory.span());
  SharedRing consumer = SharedRing::Attach(memory.span());
  uint64_t pushed = 0;
  uint64_t popped = 0;
  while (popped < 5000) {
    while (pushed < popped + 5 && producer.TryPush(AsBytes(Numbered(pushed)), {})) ++pushed;
    const std::span<const std::byte> front = consumer.Front();
    ASSERT_EQ(reinterpret_cast<uintptr_t>(front.data()) % 8, 0u);
    ASSERT_EQ(AsText(front), Numbered(popped));
    consumer.Pop();
    ++popped;
  }
}

TEST(SharedRing, RefusesWhatDoesNotFitAndLosesNothingThatDid) {
  RingMemory memory(1024);
  SharedRing producer = SharedRing::Attach(memory.span());
  SharedRing consumer = SharedRing::Attach(memory.span());
  uint64_t pushed = 0;
  while (producer.TryPush(AsBytes(Numbered(pushed)), {})) ++pushed;
  EXPECT_GT(pushed, 5u);
  EXPECT_FALSE(producer.TryPush(AsBytes(Numbered(pushed)), {}));
  for (uint64_t number = 0; number < pushed; ++number) {
    ASSERT_EQ(AsText(consumer.Front()), Numbered(number));
    consumer.Pop();
  }
  EXPECT_TRUE(consumer.Empty());
  EXPECT_EQ(producer.FreeBytes(), producer.capacity());
  EXPECT_TRUE(producer.TryPush(AsBytes("again"), {}));
  EXPECT_EQ(AsText(consumer.Front()), "again");
}

TEST(SharedRing, HoldsHalfItsCapacityAtEveryPositionAndNeverMore) {
  for (size_t offset = 0; offset < 1024; offset += 8) {
    RingMemory memory(1024);
    SharedRing producer = SharedRing::Attach(memory.span());
    SharedRing consumer = SharedRing::Attach(memory.span());
    for (size_t at = 0; at < offset; at += 8) {
      ASSERT_TRUE(producer.TryPush({}, {}));
      ASSERT_NE(consumer.Front().data(), nullptr);
      consumer.Pop();
    }
    const std::string largest(1024 / 2 - 8, 'x');
    ASSERT_TRUE(producer.TryPush(AsBytes(largest), {})) << "at " << offset;
    ASSERT_EQ(AsText(consumer.Front()), largest);
    consumer.Pop();
    ASSERT_FALSE(producer.TryPush(AsBytes(largest + "y"), {}));
  }
}

TEST(SharedRing, LeavesTheReserveToOthers) {
  RingMemory memory(1024);
  SharedRing ring = SharedRing::Attach(memory.span());
  const std::string record(56, 'v');
  int batches = 0;
  while (ring.TryPush(AsBytes(record), {}, 256)) ++batches;
  EXPECT_EQ(batches, 12);
  EXPECT_EQ(ring.FreeBytes(), 256u);
  EXPECT_TRUE(ring.TryPush(AsBytes(record), {}));
}

TEST(SharedRing, PassesRecordsBetweenTwoThreads) {
  RingMemory memory(4096);
  constexpr uint64_t kRecords = 100'000;
  std::thread producer_thread([&] {
    SharedRing producer = SharedRing::Attach(memory.span());
    for (uint64_t number = 0; number < kRecords;) {
      if (producer.TryPush(AsBytes(Numbered(number)), {})) {
        ++number;
      } else {
        std::this_thread::yield();
      }
    }
  });
  SharedRing consumer = SharedRing::Attach(memory.span());
  uint64_t wrong = 0;
  for (uint64_t number = 0; number < kRecords;) {
    const std::span<const std::byte> front = consumer.Front();
    if (front.empty()) {
      std::this_thread::yield();
      continue;
    }
    if (AsText(front) != Numbered(number)) ++wrong;
    consumer.Pop();
    ++number;
  }
  producer_thread.join();
  EXPECT_EQ(wrong, 0u);
}

TEST(SharedRing, ANewConsumerGoesOnWhereADeadOneStopped) {
  RingMemory memory(4096);
  SharedRing producer = SharedRing::Attach(memory.span());
  for (uint64_t number = 0; number < 10; ++number) ASSERT_TRUE(producer.TryPush(AsBytes(Numbered(number)), {}));
  const pid_t child = ::fork();
  if (child == 0) {
    SharedRing first = SharedRing::Attach(memory.span());
    for (int i = 0; i < 4; ++i) {
      if (first.Front().empty()) ::_exit(1);
      first.Pop();
    }
    ::_exit(0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  SharedRing second = SharedRing::Attach(memory.span());
  EXPECT_EQ(AsText(second.Front()), Numbered(4));
}

}  // namespace
}  // namespace pgassay
