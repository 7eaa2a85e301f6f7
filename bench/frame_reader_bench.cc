// Hopping over a stream of DataRows: the floor under everything that the decoder does with a large result.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "proxy/wire/frame_reader.h"
#include "tests/support/wire_builder.h"

namespace {

using namespace pgassay;

// The argument is the bytes of one value; reads are 64 KiB.
void HopOverRows(benchmark::State& state) {
  std::string rows;
  int64_t count = 0;
  const std::string row = tests::DataRow({std::string(static_cast<size_t>(state.range(0)), 'x')});
  for (; rows.size() < (size_t{4} << 20); ++count) rows += row;
  wire::FrameReader reader(wire::Origin::kBackend);
  const auto skip = [](char, uint64_t) { return wire::BodyPolicy{}; };
  for (auto _ : state) {
    for (std::string_view left = rows; !left.empty();) {
      std::string_view read = left.substr(0, 65536);
      left.remove_prefix(read.size());
      wire::Frame frame;
      while (reader.Next(read, skip, frame) == wire::FrameReader::Step::kFrame)
        benchmark::DoNotOptimize(frame.body_length);
    }
  }
  state.SetItemsProcessed(state.iterations() * count);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(rows.size()));
}
BENCHMARK(HopOverRows)->Arg(4)->Arg(100)->Arg(8000);

// Each body wanted whole: borrowed where a read holds it, copied where a read cuts it.
void TakeRows(benchmark::State& state) {
  std::string rows;
  int64_t count = 0;
  const std::string row = tests::DataRow({std::string(static_cast<size_t>(state.range(0)), 'x')});
  for (; rows.size() < (size_t{4} << 20); ++count) rows += row;
  wire::FrameReader reader(wire::Origin::kBackend);
  const auto whole = [](char, uint64_t) { return wire::BodyPolicy{wire::Want::kWhole, 65536}; };
  for (auto _ : state) {
    for (std::string_view left = rows; !left.empty();) {
      std::string_view read = left.substr(0, 65536);
      left.remove_prefix(read.size());
      wire::Frame frame;
      while (reader.Next(read, whole, frame) == wire::FrameReader::Step::kFrame)
        benchmark::DoNotOptimize(frame.body.data());
    }
  }
  state.SetItemsProcessed(state.iterations() * count);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(rows.size()));
}
BENCHMARK(TakeRows)->Arg(4)->Arg(100)->Arg(8000);

}  // namespace
