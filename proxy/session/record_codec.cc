// Records as bytes for a ring between two processes of one build: the index of the kind, then the fields in their
// order, each trivially copyable one as it lies in memory, strings with their length, arrays aligned to their elements.
#include <cstring>
#include <type_traits>
#include <utility>

#include "proxy/session/query_event.h"

namespace pgassay::session {
namespace {

// An upper bound of the bytes that the same fields take, so that they are written without a check each.
class Sizer {
 public:
  template <class T>
    requires std::is_trivially_copyable_v<T> && (!std::is_same_v<T, std::string_view>)
  void Field(const T& /*value*/) {
    size_ += sizeof(T);
  }
  void Field(std::string_view text) { size_ += sizeof(uint32_t) + text.size(); }
  template <class T>
  void Field(std::span<const T> values) {
    size_ += sizeof(uint32_t) + alignof(T) + values.size_bytes();
  }
  size_t size() const { return size_; }

 private:
  size_t size_ = 0;
};

// REQUIRES: room for what a Sizer says, aligned as operator new gives it.
class Writer {
 public:
  explicit Writer(std::byte* begin) : begin_(begin), at_(begin) {}

  template <class T>
    requires std::is_trivially_copyable_v<T> && (!std::is_same_v<T, std::string_view>)
  void Field(const T& value) {
    std::memcpy(at_, &value, sizeof value);
    at_ += sizeof value;
  }
  void Field(std::string_view text) {
    Field(static_cast<uint32_t>(text.size()));
    if (text.empty()) return;
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  template <class T>
  void Field(std::span<const T> values) {
    Field(static_cast<uint32_t>(values.size()));
    if (values.empty()) return;
    const size_t padded = (size() + alignof(T) - 1) / alignof(T) * alignof(T);
    std::memset(at_, 0, padded - size());
    at_ = begin_ + padded;
    std::memcpy(at_, values.data(), values.size_bytes());
    at_ += values.size_bytes();
  }
  size_t size() const { return static_cast<size_t>(at_ - begin_); }

 private:
  std::byte* begin_;
  std::byte* at_;
};

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <class T>
    requires std::is_trivially_copyable_v<T> && (!std::is_same_v<T, std::string_view>)
  void Field(T& value) {
    std::memcpy(&value, bytes_.data() + at_, sizeof value);
    at_ += sizeof value;
  }
  void Field(std::string_view& text) {
    uint32_t length = 0;
    Field(length);
    text = {reinterpret_cast<const char*>(bytes_.data() + at_), length};
    at_ += length;
  }
  template <class T>
  void Field(std::span<const T>& values) {
    uint32_t count = 0;
    Field(count);
    values = {};
    if (count == 0) return;
    at_ = (at_ + alignof(T) - 1) / alignof(T) * alignof(T);
    values = {reinterpret_cast<const T*>(bytes_.data() + at_), count};
    at_ += count * sizeof(T);
  }

 private:
  std::span<const std::byte> bytes_;
  size_t at_ = 0;
};

// The fields of each record, once for both directions.
template <class Stream, class R>
void Fields(Stream& stream, R& r)
  requires std::is_same_v<std::remove_const_t<R>, SessionOpened>
{
  stream.Field(r.session_id);
  stream.Field(r.time_ns);
  stream.Field(r.connected_ns);
  stream.Field(r.client_pid);
  stream.Field(r.client_parents);
  stream.Field(r.route);
  stream.Field(r.replication);
  stream.Field(r.client_address);
  stream.Field(r.upstream_address);
  stream.Field(r.user);
  stream.Field(r.database);
  stream.Field(r.application_name);
  stream.Field(r.server_version);
}

template <class Stream, class R>
void Fields(Stream& stream, R& r)
  requires std::is_same_v<std::remove_const_t<R>, SessionClosed>
{
  stream.Field(r);
}

template <class Stream, class R>
void Fields(Stream& stream, R& r)
  requires std::is_same_v<std::remove_const_t<R>, StatementText>
{
  stream.Field(r.text_hash);
  stream.Field(r.full_length);
  stream.Field(r.text);
}

template <class Stream, class R>
void Fields(Stream& stream, R& r)
  requires std::is_same_v<std::remove_const_t<R>, Column>
{
  stream.Field(r.name);
  stream.Field(r.table_oid);
  stream.Field(r.attnum);
  stream.Field(r.type_oid);
  stream.Field(r.type_size);
  stream.Field(r.type_modifier);
}

template <class Stream, class R>
void Fields(Stream& stream, R& r)
  requires std::is_same_v<std::remove_const_t<R>, StatementPrepared>
{
  stream.Field(r.session_id);
  stream.Field(r.time_ns);
  stream.Field(r.text_hash);
  stream.Field(r.name);
}

template <class Stream, class R>
void Fields(Stream& stream, R& r)
  requires std::is_same_v<std::remove_const_t<R>, StatementClosed>
{
  stream.Field(r.session_id);
  stream.Field(r.time_ns);
  stream.Field(r.name);
}

template <class Stream, class R>
void Fields(Stream& stream, R& r)
  requires std::is_same_v<std::remove_const_t<R>, SettingChanged>
{
  stream.Field(r.session_id);
  stream.Field(r.time_ns);
  stream.Field(r.name);
  stream.Field(r.value);
}

template <class Stream, class R>
void Fields(Stream& stream, R& r)
  requires std::is_same_v<std::remove_const_t<R>, ParameterHash>
{
  stream.Field(r.type_oid);
  stream.Field(r.null);
  stream.Field(r.hashed);
  stream.Field(r.array_length);
  stream.Field(r.hashes);
  stream.Field(r.alternates);
}

template <class Stream, class R>
void Fields(Stream& stream, R& r)
  requires std::is_same_v<std::remove_const_t<R>, SentValue>
{
  stream.Field(r.type_oid);
  stream.Field(r.null);
  stream.Field(r.binary);
  stream.Field(r.value);
}

// Lists of records: their count, then each.
template <class Stream, class T>
void List(Stream& stream, const std::vector<T>& list) {
  stream.Field(static_cast<uint32_t>(list.size()));
  for (const T& element : list) Fields(stream, element);
}
template <class T>
void List(Reader& reader, std::vector<T>& list) {
  uint32_t count = 0;
  reader.Field(count);
  list.resize(count);
  for (T& element : list) Fields(reader, element);
}

template <class Stream, class R>
void Fields(Stream& stream, R& r)
  requires std::is_same_v<std::remove_const_t<R>, ColumnsDescribed>
{
  stream.Field(r.columns_hash);
  List(stream, r.columns);
}

template <class Stream, class R>
void Fields(Stream& stream, R& r)
  requires std::is_same_v<std::remove_const_t<R>, RowBatch>
{
  stream.Field(r.session_id);
  stream.Field(r.execution_id);
  stream.Field(r.time_ns);
  stream.Field(r.text_hash);
  stream.Field(r.statement_index);
  stream.Field(r.statement_name);
  stream.Field(r.columns_hash);
  stream.Field(r.first_row);
  stream.Field(r.row_count);
  stream.Field(r.column_count);
  stream.Field(r.hashed_columns);
  stream.Field(r.hashes);
  stream.Field(r.column_bytes);
  stream.Field(r.column_nulls);
}

template <class Stream, class R>
void Fields(Stream& stream, R& r)
  requires std::is_same_v<std::remove_const_t<R>, QueryEvent>
{
  stream.Field(r.session_id);
  stream.Field(r.execution_id);
  stream.Field(r.time_ns);
  stream.Field(r.sent_ns);
  stream.Field(r.first_ns);
  stream.Field(r.done_ns);
  stream.Field(r.busy_from_ns);
  stream.Field(r.ready_before_ns);
  stream.Field(r.text_hash);
  stream.Field(r.columns_hash);
  stream.Field(r.parameters_hash);
  stream.Field(r.result_hash);
  stream.Field(r.rows);
  stream.Field(r.affected_rows);
  stream.Field(r.request_bytes);
  stream.Field(r.result_bytes);
  stream.Field(r.statement_index);
  stream.Field(r.fetches);
  stream.Field(r.protocol);
  stream.Field(r.outcome);
  stream.Field(r.copy);
  stream.Field(r.transaction_before);
  stream.Field(r.pipelined);
  stream.Field(r.first_execution_of_parse);
  stream.Field(r.rows_truncated);
  stream.Field(r.parameter_count);
  stream.Field(r.sqlstate);
  stream.Field(r.command_tag);
  stream.Field(r.statement_name);
  List(stream, r.parameters);
}

template <class Stream, class R>
void Fields(Stream& stream, R& r)
  requires std::is_same_v<std::remove_const_t<R>, ScopeMark>
{
  stream.Field(r.runner_id);
  stream.Field(r.scope_id);
  stream.Field(r.time_ns);
  stream.Field(r.opened_ns);
  stream.Field(r.kind);
  stream.Field(r.phase);
  stream.Field(r.outcome);
  stream.Field(r.client_pid);
  stream.Field(r.line);
  stream.Field(r.name);
  stream.Field(r.file);
  stream.Field(r.worker);
  stream.Field(r.application_name);
}

template <class Stream, class R>
void Fields(Stream& stream, R& r)
  requires std::is_same_v<std::remove_const_t<R>, SentValues>
{
  stream.Field(r.session_id);
  stream.Field(r.execution_id);
  stream.Field(r.time_ns);
  List(stream, r.values);
}

template <size_t... kIndex>
void Decode(Reader& reader, size_t kind, Record& record, std::index_sequence<kIndex...>) {
  const auto decode_as = [&]<size_t kI>() {
    if (kI != kind) return;
    if (record.index() != kI) record.emplace<kI>();
    Fields(reader, std::get<kI>(record));
  };
  (decode_as.template operator()<kIndex>(), ...);
}

}  // namespace

void EncodeRecord(const Record& record, std::vector<std::byte>& out) {
  const auto kind = static_cast<uint64_t>(record.index());
  std::visit(
      [&](const auto& value) {
        Sizer sizer;
        sizer.Field(kind);
        Fields(sizer, value);
        out.resize(sizer.size());
        Writer writer(out.data());
        writer.Field(kind);
        Fields(writer, value);
        out.resize(writer.size());
      },
      record);
}

void DecodeRecord(std::span<const std::byte> bytes, Record& record) {
  Reader reader(bytes);
  uint64_t kind = 0;
  reader.Field(kind);
  Decode(reader, kind, record, std::make_index_sequence<std::variant_size_v<Record>>());
}

Record DecodeRecord(std::span<const std::byte> bytes) {
  Record record;
  DecodeRecord(bytes, record);
  return record;
}

int64_t RecordTimeNs(const Record& record) {
  return std::visit(
      [](const auto& value) -> int64_t {
        if constexpr (requires { value.time_ns; }) {
          return value.time_ns;
        } else {
          return 0;
        }
      },
      record);
}

}  // namespace pgassay::session
