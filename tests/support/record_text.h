// Records as lines of text, for comparing what a decoder says: short lines to write expectations with, and full ones
// that hold every field but the times, with the row batches of one execution joined (where a read ends is no property
// of the bytes).
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proxy/session/query_event.h"

namespace pgassay::tests {

inline std::string_view OutcomeName(session::QueryOutcome outcome) {
  constexpr std::array<std::string_view, 6> kNames = {"completed", "empty", "failed", "skipped", "lost", "abandoned"};
  return kNames[static_cast<size_t>(outcome)];
}

inline std::string_view CopyName(session::CopyDirection direction) {
  constexpr std::array<std::string_view, 4> kNames = {"none", "in", "out", "both"};
  return kNames[static_cast<size_t>(direction)];
}

// One line per execution: outcome, text, then what differs from the plain case.
inline std::string ShortLine(const session::QueryEvent& event, const std::map<uint64_t, std::string>& texts) {
  std::string line(OutcomeName(event.outcome));
  const auto text = texts.find(event.text_hash);
  line += fmt::format(" '{}'", text == texts.end() ? "?" : text->second);
  if (event.protocol == session::QueryProtocol::kSimple) line += " simple";
  if (event.protocol == session::QueryProtocol::kFunctionCall) line += " function";
  if (event.statement_index > 0) line += fmt::format(" k={}", event.statement_index);
  if (event.command_tag[0] != '\0') line += fmt::format(" [{}]", event.command_tag.data());
  if (event.sqlstate[0] != '\0') line += fmt::format(" {}", event.sqlstate.data());
  if (event.rows > 0) line += fmt::format(" rows={}", event.rows);
  if (event.fetches > 1) line += fmt::format(" fetches={}", event.fetches);
  if (event.parameter_count > 0) line += fmt::format(" parameters={}", event.parameter_count);
  if (event.copy != session::CopyDirection::kNone) line += fmt::format(" copy={}", CopyName(event.copy));
  if (event.pipelined) line += " pipelined";
  if (!event.first_execution_of_parse) line += " again";
  if (!event.statement_name.empty()) line += fmt::format(" name={}", event.statement_name);
  if (event.transaction_before != 'I')
    line += fmt::format(" in={}", event.transaction_before == 0 ? '?' : event.transaction_before);
  return line;
}

inline std::map<uint64_t, std::string> Texts(const std::vector<session::Record>& records) {
  std::map<uint64_t, std::string> texts;
  for (const session::Record& record : records) {
    if (const auto* text = std::get_if<session::StatementText>(&record)) texts.emplace(text->text_hash, text->text);
  }
  return texts;
}

inline std::vector<std::string> ShortLines(const std::vector<session::Record>& records) {
  const auto texts = Texts(records);
  std::vector<std::string> lines;
  for (const session::Record& record : records) {
    if (const auto* event = std::get_if<session::QueryEvent>(&record)) lines.push_back(ShortLine(*event, texts));
  }
  return lines;
}

namespace internal {

struct FullLine {
  std::string operator()(const session::SessionOpened& r) const {
    return fmt::format("opened {} pid={} route={} replication={} {} {} {} {} {} {}", r.session_id, r.client_pid,
                       r.route, r.replication, r.client_address, r.upstream_address, r.user, r.database,
                       r.application_name, r.server_version);
  }
  std::string operator()(const session::SessionClosed& r) const {
    return fmt::format("closed {} end={} opaque={} f={} b={} decoded={} skipped={} opaque={}", r.session_id,
                       static_cast<int>(r.end), static_cast<int>(r.opaque), r.relayed_frontend_bytes,
                       r.relayed_backend_bytes, r.decoded_bytes, r.skipped_bytes, r.opaque_bytes);
  }
  std::string operator()(const session::StatementText& r) const {
    return fmt::format("text {:x} {} {}", r.text_hash, r.full_length, r.text);
  }
  std::string operator()(const session::ColumnsDescribed& r) const {
    std::string line = fmt::format("columns {:x}", r.columns_hash);
    for (const session::Column& column : r.columns) {
      line += fmt::format(" {}/{}/{}/{}/{}/{}", column.name, column.table_oid, column.attnum, column.type_oid,
                          column.type_size, column.type_modifier);
    }
    return line;
  }
  std::string operator()(const session::StatementPrepared& r) const {
    return fmt::format("prepared {} {:x} {}", r.session_id, r.text_hash, r.name);
  }
  std::string operator()(const session::StatementClosed& r) const {
    return fmt::format("closed {} {}", r.session_id, r.name);
  }
  std::string operator()(const session::ScopeMark& r) const {
    return fmt::format("scope {} of {} phase={} outcome={} pid={} {} {}:{} worker={} application={}", r.scope_id,
                       r.runner_id, static_cast<int>(r.phase), static_cast<int>(r.outcome), r.client_pid, r.name,
                       r.file, r.line, r.worker, r.application_name);
  }
  std::string operator()(const session::SentValues& r) const {
    std::string line = fmt::format("values of {}", r.execution_id);
    for (const session::SentValue& v : r.values) {
      line += fmt::format(" ({} null={} binary={} {})", v.type_oid, v.null, v.binary, v.value);
    }
    return line;
  }
  std::string operator()(const session::SettingChanged& r) const {
    return fmt::format("setting {} {}={}", r.session_id, r.name, r.value);
  }
  std::string operator()(const session::RowBatch& r) const {
    return fmt::format("rows of {} text={:x}.{} {} columns={:x}/{} {}", r.execution_id, r.text_hash, r.statement_index,
                       r.statement_name, r.columns_hash, r.column_count, fmt::join(r.hashed_columns, ","));
  }
  std::string operator()(const session::QueryEvent& r) const {
    std::string line = fmt::format(
        "query {} text={:x}.{} columns={:x} parameters={:x} result={:x} rows={} affected={} request={} result={} "
        "fetches={} protocol={} outcome={} copy={} before={} ready={} pipelined={} first={} truncated={} bound={} {} "
        "{} {}",
        r.execution_id, r.text_hash, r.statement_index, r.columns_hash, r.parameters_hash, r.result_hash, r.rows,
        r.affected_rows, r.request_bytes, r.result_bytes, r.fetches, static_cast<int>(r.protocol),
        static_cast<int>(r.outcome), static_cast<int>(r.copy), static_cast<int>(r.transaction_before),
        r.ready_before_ns != 0, r.pipelined, r.first_execution_of_parse, r.rows_truncated, r.parameter_count,
        r.sqlstate.data(), r.command_tag.data(), r.statement_name);
    for (const session::ParameterHash& p : r.parameters) {
      line += fmt::format(" ({} null={} hashed={} array={} {:x} {:x})", p.type_oid, p.null, p.hashed, p.array_length,
                          fmt::join(p.hashes, ","), fmt::join(p.alternates, ","));
    }
    return line;
  }
};

struct JoinedRows {
  std::string head;
  uint64_t first_row = 0, next_row = 0;
  std::vector<uint64_t> hashes;
  std::vector<uint64_t> bytes, nulls;

  std::string Line() const {
    return fmt::format("{} {}..{} hashes={:x} bytes={} nulls={}", head, first_row, next_row, fmt::join(hashes, ","),
                       fmt::join(bytes, ","), fmt::join(nulls, ","));
  }
};

}  // namespace internal

inline std::vector<std::string> FullLines(const std::vector<session::Record>& records) {
  std::vector<std::string> lines;
  internal::JoinedRows rows;
  const auto end_rows = [&] {
    if (!rows.head.empty()) lines.push_back(rows.Line());
    rows = {};
  };
  for (const session::Record& record : records) {
    const auto* batch = std::get_if<session::RowBatch>(&record);
    if (batch == nullptr) {
      end_rows();
      lines.push_back(std::visit(internal::FullLine{}, record));
      continue;
    }
    const std::string head = internal::FullLine{}(*batch);
    if (head != rows.head || batch->first_row != rows.next_row) {
      end_rows();
      rows.head = head;
      rows.first_row = rows.next_row = batch->first_row;
      rows.bytes.resize(batch->column_bytes.size());
      rows.nulls.resize(batch->column_nulls.size());
    }
    rows.next_row += batch->row_count;
    rows.hashes.insert(rows.hashes.end(), batch->hashes.begin(), batch->hashes.end());
    for (size_t i = 0; i < batch->column_bytes.size(); ++i) {
      rows.bytes[i] += batch->column_bytes[i];
      rows.nulls[i] += batch->column_nulls[i];
    }
  }
  end_rows();
  return lines;
}

}  // namespace pgassay::tests
