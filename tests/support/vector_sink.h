// A RecordSink that keeps what it is given, through the codec that the ring uses, so that views stay valid after the
// session.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

#include "proxy/session/session.h"

namespace pgassay::tests {

class VectorSink : public session::RecordSink {
 public:
  explicit VectorSink(bool keeps_values = false) : keeps_values_(keeps_values) {}
  bool KeepsValues() const override { return keeps_values_; }
  bool WantsValues(uint64_t /*text_hash*/, int64_t /*database_ns*/, uint64_t /*rows*/) override { return true; }

  void Emit(const session::Record& record) override {
    encoded_.emplace_back();
    session::EncodeRecord(record, encoded_.back());
  }
  bool WantsText(uint64_t text_hash) override { return texts_.insert(text_hash).second; }
  bool WantsColumns(uint64_t columns_hash) override { return columns_.insert(columns_hash).second; }

  const std::vector<std::vector<std::byte>>& encoded() const { return encoded_; }
  // Borrow from this sink.
  std::vector<session::Record> Records() const {
    std::vector<session::Record> records;
    records.reserve(encoded_.size());
    for (const auto& bytes : encoded_) records.push_back(session::DecodeRecord(bytes));
    return records;
  }
  template <class R>
  std::vector<R> All() const {
    std::vector<R> found;
    for (const session::Record& record : Records()) {
      if (const R* one = std::get_if<R>(&record)) found.push_back(*one);
    }
    return found;
  }

 private:
  const bool keeps_values_;
  std::vector<std::vector<std::byte>> encoded_;
  std::set<uint64_t> texts_, columns_;
};

}  // namespace pgassay::tests
