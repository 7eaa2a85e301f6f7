// Protocol messages as bytes, for tests: one function per message, named as in the PostgreSQL manual.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgassay::tests {

inline std::string Int16(int value) {
  const auto bits = static_cast<uint16_t>(value);
  return {static_cast<char>(bits >> 8), static_cast<char>(bits & 0xff)};
}
inline std::string Int32(int64_t value) {
  const auto bits = static_cast<uint32_t>(value);
  return {static_cast<char>(bits >> 24), static_cast<char>(bits >> 16 & 0xff), static_cast<char>(bits >> 8 & 0xff),
          static_cast<char>(bits & 0xff)};
}
inline std::string Int64(int64_t value) { return Int32(value >> 32) + Int32(value & 0xffffffff); }
inline std::string Cstring(std::string_view text) { return std::string(text) + '\0'; }
inline std::string Message(char type, std::string_view body) {
  return type + Int32(static_cast<int64_t>(body.size()) + 4) + std::string(body);
}

// A value in a Bind or DataRow; nullopt is NULL.
using Value = std::optional<std::string>;

inline std::string Values(const std::vector<Value>& values) {
  std::string bytes = Int16(static_cast<int>(values.size()));
  for (const Value& value : values) {
    bytes += value ? Int32(static_cast<int64_t>(value->size())) + *value : Int32(-1);
  }
  return bytes;
}
inline std::string Formats(const std::vector<int>& formats) {
  std::string bytes = Int16(static_cast<int>(formats.size()));
  for (const int format : formats) bytes += Int16(format);
  return bytes;
}

// ---- frontend
// ----------------------------------------------------------------------------------------------------------

inline std::string StartupMessage(std::vector<std::pair<std::string, std::string>> parameters) {
  std::string body = Int32(196608);
  for (const auto& [name, value] : parameters) body += Cstring(name) + Cstring(value);
  body += '\0';
  return Int32(static_cast<int64_t>(body.size()) + 4) + body;
}
inline std::string SslRequest() { return Int32(8) + Int32(80877103); }
inline std::string GssEncRequest() { return Int32(8) + Int32(80877104); }
inline std::string CancelRequest(int pid, std::string_view key) {
  return Int32(static_cast<int64_t>(12 + key.size())) + Int32(80877102) + Int32(pid) + std::string(key);
}
inline std::string Password(std::string_view text) { return Message('p', Cstring(text)); }
inline std::string Query(std::string_view sql) { return Message('Q', Cstring(sql)); }
inline std::string Parse(std::string_view name, std::string_view sql, const std::vector<uint32_t>& types = {}) {
  std::string body = Cstring(name) + Cstring(sql) + Int16(static_cast<int>(types.size()));
  for (const uint32_t type : types) body += Int32(type);
  return Message('P', body);
}
inline std::string Bind(std::string_view portal, std::string_view statement, const std::vector<Value>& values = {},
                        const std::vector<int>& formats = {}, const std::vector<int>& result_formats = {}) {
  return Message('B',
                 Cstring(portal) + Cstring(statement) + Formats(formats) + Values(values) + Formats(result_formats));
}
inline std::string DescribeStatement(std::string_view name) { return Message('D', 'S' + Cstring(name)); }
inline std::string DescribePortal(std::string_view name) { return Message('D', 'P' + Cstring(name)); }
inline std::string Execute(std::string_view portal, int max_rows = 0) {
  return Message('E', Cstring(portal) + Int32(max_rows));
}
inline std::string CloseStatement(std::string_view name) { return Message('C', 'S' + Cstring(name)); }
inline std::string ClosePortal(std::string_view name) { return Message('C', 'P' + Cstring(name)); }
inline std::string Sync() { return Message('S', {}); }
inline std::string Flush() { return Message('H', {}); }
inline std::string Terminate() { return Message('X', {}); }
inline std::string CopyData(std::string_view bytes) { return Message('d', bytes); }
inline std::string CopyDone() { return Message('c', {}); }
inline std::string CopyFail(std::string_view why) { return Message('f', Cstring(why)); }
inline std::string FunctionCall(uint32_t oid) { return Message('F', Int32(oid) + Formats({}) + Values({}) + Int16(0)); }

// ---- backend
// -----------------------------------------------------------------------------------------------------------

struct Field {
  std::string name;
  uint32_t type_oid = 25;
  uint32_t table_oid = 0;
  int attnum = 0;
  int format = 0;
};

inline std::string AuthenticationOk() { return Message('R', Int32(0)); }
inline std::string ParameterStatus(std::string_view name, std::string_view value) {
  return Message('S', Cstring(name) + Cstring(value));
}
inline std::string BackendKeyData(int pid, std::string_view key) { return Message('K', Int32(pid) + std::string(key)); }
inline std::string ReadyForQuery(char status = 'I') { return Message('Z', std::string(1, status)); }
inline std::string ParseComplete() { return Message('1', {}); }
inline std::string BindComplete() { return Message('2', {}); }
inline std::string CloseComplete() { return Message('3', {}); }
inline std::string NoData() { return Message('n', {}); }
inline std::string ParameterDescription(const std::vector<uint32_t>& types) {
  std::string body = Int16(static_cast<int>(types.size()));
  for (const uint32_t type : types) body += Int32(type);
  return Message('t', body);
}
inline std::string RowDescription(const std::vector<Field>& fields) {
  std::string body = Int16(static_cast<int>(fields.size()));
  for (const Field& field : fields) {
    body += Cstring(field.name) + Int32(field.table_oid) + Int16(field.attnum) + Int32(field.type_oid) + Int16(-1) +
            Int32(-1) + Int16(field.format);
  }
  return Message('T', body);
}
inline std::string DataRow(const std::vector<Value>& values) { return Message('D', Values(values)); }
inline std::string CommandComplete(std::string_view tag) { return Message('C', Cstring(tag)); }
inline std::string EmptyQueryResponse() { return Message('I', {}); }
inline std::string PortalSuspended() { return Message('s', {}); }
inline std::string ErrorResponse(std::string_view sqlstate, std::string_view severity = "ERROR") {
  std::string body = 'S' + Cstring(severity) + 'V' + Cstring(severity);
  if (!sqlstate.empty()) body += 'C' + Cstring(sqlstate);
  return Message('E', body + 'M' + Cstring("it went wrong") + '\0');
}
inline std::string NoticeResponse() {
  return Message('N', 'S' + Cstring("NOTICE") + 'M' + Cstring("by the way") + '\0');
}
inline std::string NotificationResponse() { return Message('A', Int32(7) + Cstring("channel") + Cstring("payload")); }
inline std::string CopyInResponse() { return Message('G', std::string(1, '\0') + Formats({0})); }
inline std::string CopyOutResponse() { return Message('H', std::string(1, '\0') + Formats({0})); }
inline std::string CopyBothResponse() { return Message('W', std::string(1, '\0') + Formats({})); }
inline std::string FunctionCallResponse() { return Message('V', Int32(1) + "1"); }

}  // namespace pgassay::tests
