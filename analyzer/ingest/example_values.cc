#include "analyzer/ingest/example_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string>
#include <utility>

#include "analyzer/sql/lexer.h"
#include "proxy/base/lower_case.h"

namespace pgassay::ingest {
namespace {

constexpr size_t kMaxBytes = size_t{32} << 20;  // of all that is kept in a recording

// What names a credential, or a message, wherever it stands in a statement or a value: "userpassword", "api_key".
constexpr auto kSecretWords = std::to_array<std::string_view>(
    {"access_key",  "api_key",    "apikey",     "authent", "authoriz",   "bearer",    "bytea",
     "conninfo",    "cookie",     "credential", "crypt",   "cvv",        "dblink",    "digest",
     "hmac",        "lo_put",     "passphrase", "passw",   "pgp_",       "pg_notify", "pwd",
     "private_key", "privatekey", "salt",       "secret",  "set_config", "sslkey",    "token"});

// How credentials begin, in lower case.
constexpr auto kSecretBeginnings = std::to_array<std::string_view>(
    {"scram-sha-256$", "-----begin", "$2a$", "$2b$", "$2y$", "$argon2", "$1$", "$5$", "$6$", "eyj"});

bool NamesSecret(std::string_view lower) {
  return std::ranges::any_of(kSecretWords, [&](std::string_view word) { return lower.contains(word); });
}

// md5 and 32 hexadecimal digits: how the server keeps a password.
bool IsMd5Verifier(std::string_view lower) {
  return lower.size() == 35 && lower.starts_with("md5") &&
         std::ranges::all_of(lower.substr(3), [](unsigned char c) { return std::isxdigit(c) != 0; });
}

// scheme://user:password@host
bool HasLogin(std::string_view lower) {
  const size_t scheme = lower.find("://");
  if (scheme == std::string_view::npos) return false;
  const std::string_view rest = lower.substr(scheme + 3);
  return rest.substr(0, rest.find('/')).contains('@');
}

bool LooksSecret(std::string_view value) {
  const std::string lower = LowerCase(value);
  return NamesSecret(lower) || IsMd5Verifier(lower) || HasLogin(lower) ||
         std::ranges::any_of(kSecretBeginnings, [&](std::string_view word) { return lower.starts_with(word); });
}

// As text; nothing for types whose binary form is not read here.
std::optional<std::string> BinaryAsText(uint32_t type_oid, std::string_view bytes) {
  const auto integer = [&](size_t size) -> std::optional<std::string> {
    if (bytes.size() != size) return std::nullopt;
    uint64_t value = (static_cast<unsigned char>(bytes[0]) & 0x80) != 0 ? ~uint64_t{0} : 0;
    for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
    return std::to_string(static_cast<int64_t>(value));
  };
  switch (type_oid) {
    case 16:  // bool
      return bytes == std::string_view("\0", 1) ? "false" : "true";
    case 20:  // int8
      return integer(8);
    case 21:  // int2
      return integer(2);
    case 23:  // int4
      return integer(4);
    case 19:    // name
    case 25:    // text
    case 1042:  // bpchar
    case 1043:  // varchar
      return std::string(bytes);
    case 2950: {  // uuid
      std::string text;
      for (size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += fmt::format("{:02x}", static_cast<unsigned char>(bytes[i]));
      }
      return text;
    }
    default:
      return std::nullopt;
  }
}

// INSERT INTO users VALUES (…): which of them is a password cannot be seen.
bool InsertsByPosition(std::string_view sql) {
  using enum sql::TokenKind;
  using sql::WordKey;
  sql::Lexed lexed;
  sql::Lex(sql, lexed);
  const auto& tokens = lexed.tokens;
  const auto key = [&](size_t i) { return i < tokens.size() ? tokens[i].key : 0; };
  const auto is = [&](size_t i, sql::TokenKind kind) { return i < tokens.size() && tokens[i].kind == kind; };
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (key(i) != WordKey("insert")) continue;
    size_t at = i + 1;
    if (key(at) == WordKey("into")) {
      at += 2;
      while (is(at, kDot)) at += 2;
      if (key(at) == WordKey("as")) at += 2;
    }
    const uint64_t first = key(at + 1);
    const bool columns = is(at, kOpen) && first != WordKey("select") && first != WordKey("values");
    if (!columns && key(at) != WordKey("default")) return true;
  }
  return false;
}

constexpr uint32_t kByteaOid = 17, kByteaArrayOid = 1001;

trace::ExampleValue LeftOut(std::string_view why) { return {.left_out = std::string(why)}; }

trace::ExampleValue Kept(std::string_view value) {
  if (value.starts_with("\\x")) return LeftOut("bytes");
  if (value.size() > ExampleValues::kMaxValueBytes) return LeftOut("long");
  if (LooksSecret(value)) return LeftOut("secret");
  return {.value = std::string(value)};
}

trace::ExampleValue Kept(const catalog::BindValue& bind) {
  if (bind.null) return {.null = true};
  if (bind.type_oid == kByteaOid || bind.type_oid == kByteaArrayOid) return LeftOut("bytes");
  if (!bind.binary) return Kept(bind.value);
  const auto text = BinaryAsText(bind.type_oid, bind.value);
  return text ? Kept(*text) : LeftOut("type");
}

}  // namespace

bool MayKeepValues(const sql::Facts& facts, std::string_view sql) {
  using enum sql::Operation;
  const bool rows = facts.operation == kSelect || facts.operation == kInsert || facts.operation == kUpdate ||
                    facts.operation == kDelete || facts.operation == kMerge;
  return rows && facts.parsed && !facts.catalog_only && !NamesSecret(LowerCase(sql)) &&
         !(facts.writes && InsertsByPosition(sql));
}

bool ExampleValues::Wants(int64_t statement_id, uint64_t parameters_hash) const {
  if (bytes_ >= kMaxBytes) return false;
  const auto found = taken_.find(statement_id);
  if (found == taken_.end()) return true;
  if (found->second.size() >= kExamples) return false;
  return parameters_hash == 0 || std::ranges::find(found->second, parameters_hash) == found->second.end();
}

std::vector<trace::ExampleValue> ExampleValues::Take(int64_t statement_id, uint64_t parameters_hash,
                                                     std::string_view sql, std::span<const catalog::BindValue> binds) {
  std::vector<trace::ExampleValue> values;
  std::unordered_map<int, int> elements;  // of the list that $n stands for, which may begin with a parameter
  for (size_t i = 0; i < binds.size() && values.size() < kMaxValues; ++i) {
    values.push_back(Kept(binds[i]));
    values.back().number = static_cast<int>(i + 1);
    elements[values.back().number] = 1;
  }
  for (const sql::Literal& literal : sql::Literals(sql)) {
    if (values.size() >= kMaxValues) break;
    values.push_back(literal.null ? trace::ExampleValue{.null = true} : Kept(literal.value));
    values.back().number = literal.number;
    values.back().element = elements[literal.number]++;
  }
  std::ranges::stable_sort(values, {},
                           [](const trace::ExampleValue& value) { return std::pair(value.number, value.element); });
  taken_[statement_id].push_back(parameters_hash);
  bytes_ += sizeof(uint64_t);
  for (const trace::ExampleValue& value : values) bytes_ += sizeof value + value.value.size();
  return values;
}

}  // namespace pgassay::ingest
