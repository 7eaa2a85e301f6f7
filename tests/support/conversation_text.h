// Conversations as text: the form of tests/golden/*.golden, one message a line. tests/e2e/conversation_text.py reads
// the same form for the live run.
//
//   # comment
//   live                          a real server speaks so too, and test_golden_live.py asks it
//   live since 14 until 17 mask D of these versions only; bodies of DataRow differ from run to run
//   login                         start-up and login of alice, without encryption or password
//   F Query "select 1"            a frontend message, by its name in the manual, then its fields
//   B DataRow "1" null            a backend message
//   B answer N                    the one byte that answers SSLRequest or GSSENCRequest
//   F message ? "body"            any type byte, with the right length
//   F raw "Q" int32:99 "x"*1000   bytes as they are; "…"*N repeats
//   F half-close                  the client sends no more; the server still does
//   F close | B close | F reset   the end of the connection, and who made it
//   = completed 'select 1' …      what the decoder says once it has read the line above
//
// Strings know \n \r \t \0 \\ \" and \xHH.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/chunks.h"
#include "tests/support/wire_builder.h"

namespace pgassay::tests {

struct Word {
  std::string text;
  bool quoted = false;
};
using Words = std::vector<Word>;

struct ScriptLine {
  enum class Kind { kNote, kLogin, kMessage, kHalfClose, kEnd, kExpectation };
  Kind kind = Kind::kNote;
  std::string text;  // as it stands in the file
  Chunk chunk{};     // kMessage
  char by = 0;       // kEnd: 'F', 'B', or 'R' for a reset
};

namespace conversation_text {

inline int64_t Number(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  EXPECT_TRUE(error == std::errc() && end == text.data() + text.size()) << "no number: " << text;
  return number;
}

inline std::vector<std::string> SplitWord(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

inline char Escaped(std::string_view line, size_t& at) {
  switch (const char c = line[at++]) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case '0':
      return '\0';
    case 'x': {
      int value = 0;
      std::from_chars(line.data() + at, line.data() + std::min(at + 2, line.size()), value, 16);
      at = std::min(at + 2, line.size());
      return static_cast<char>(value);
    }
    default:
      return c;
  }
}

// Up to the closing quote; a *N behind it repeats.
inline std::string Quoted(std::string_view line, size_t& at) {
  std::string text;
  while (at < line.size() && line[at] != '"') {
    if (line[at] == '\\' && at + 1 < line.size()) {
      text += Escaped(line, ++at);
    } else {
      text += line[at++];
    }
  }
  EXPECT_LT(at, line.size()) << "no closing quote: " << line;
  ++at;
  if (at < line.size() && line[at] == '*') {
    const size_t end = std::min(line.find(' ', at), line.size());
    const int64_t times = Number(line.substr(at + 1, end - at - 1));
    std::string repeated;
    for (int64_t i = 0; i < times; ++i) repeated += text;
    text = std::move(repeated);
    at = end;
  }
  return text;
}

inline Words Lex(std::string_view line) {
  Words words;
  for (size_t at = 0; at < line.size();) {
    if (line[at] == ' ') {
      ++at;
      continue;
    }
    Word word;
    while (at < line.size() && line[at] != ' ') {
      if (line[at] == '"') {
        word.quoted = true;
        word.text += Quoted(line, ++at);
      } else {
        word.text += line[at++];
      }
    }
    words.push_back(std::move(word));
  }
  return words;
}

inline std::string Raw(const Words& words) {
  std::string bytes;
  for (const Word& word : words) {
    const std::string_view text = word.text;
    if (!word.quoted && text.starts_with("int16:")) {
      bytes += Int16(static_cast<int>(Number(text.substr(6))));
    } else if (!word.quoted && text.starts_with("int32:")) {
      bytes += Int32(Number(text.substr(6)));
    } else {
      bytes += word.text;
    }
  }
  return bytes;
}

// The fields of one message. A missing one is empty or 0.
class Fields {
 public:
  explicit Fields(Words words) : words_(std::move(words)) {}

  std::string Text(size_t i) const { return i < words_.size() ? words_[i].text : std::string(); }
  int Int(size_t i) const { return i < words_.size() ? static_cast<int>(Number(words_[i].text)) : 0; }
  size_t size() const { return words_.size(); }
  // name=1,0,1 among the unquoted words.
  std::vector<int> List(std::string_view name) const {
    std::vector<int> list;
    for (const Word& word : words_) {
      if (!IsOption(word, name)) continue;
      for (const std::string& part : SplitWord(word.text.substr(name.size() + 1), ',')) {
        list.push_back(static_cast<int>(Number(part)));
      }
    }
    return list;
  }
  // The rest as values, options left out.
  std::vector<Value> ValuesFrom(size_t i) const {
    std::vector<Value> values;
    for (; i < words_.size(); ++i) {
      const Word& word = words_[i];
      if (IsOption(word, "formats") || IsOption(word, "results")) continue;
      values.push_back(!word.quoted && word.text == "null" ? Value() : Value(word.text));
    }
    return values;
  }
  std::vector<uint32_t> OidsFrom(size_t i) const {
    std::vector<uint32_t> oids;
    for (; i < words_.size(); ++i) oids.push_back(static_cast<uint32_t>(Number(words_[i].text)));
    return oids;
  }
  // Each name=value as two C strings.
  std::string PairsFrom(size_t i) const {
    std::string body;
    for (; i < words_.size(); ++i) {
      const size_t equals = words_[i].text.find('=');
      body += Cstring(words_[i].text.substr(0, equals)) + Cstring(words_[i].text.substr(equals + 1));
    }
    return body + '\0';
  }
  std::string CstringsFrom(size_t i) const {
    std::string body;
    for (; i < words_.size(); ++i) body += Cstring(words_[i].text);
    return body;
  }
  std::string RawFrom(size_t i) const {
    return i >= words_.size() ? std::string() : Raw({words_.begin() + static_cast<std::ptrdiff_t>(i), words_.end()});
  }

 private:
  static bool IsOption(const Word& word, std::string_view name) {
    return !word.quoted && word.text.size() > name.size() && word.text.starts_with(name) &&
           word.text[name.size()] == '=';
  }

  Words words_;
};

// "3.2": the protocol version, or nothing if the word is no version.
inline std::optional<int64_t> Version(const std::string& word) {
  if (word.empty() || word.find_first_not_of("0123456789.") != std::string::npos) return std::nullopt;
  const size_t dot = word.find('.');
  return Number(std::string_view(word).substr(0, dot)) << 16 | Number(std::string_view(word).substr(dot + 1));
}

inline std::string StartupText(const Fields& fields) {
  const auto version = Version(fields.Text(0));
  const std::string body = Int32(version.value_or(3 << 16)) + fields.PairsFrom(version ? 1 : 0);
  return Int32(static_cast<int64_t>(body.size()) + 4) + body;
}

// name:type[:table[:attribute number[:format]]]
inline std::string RowDescriptionText(const Fields& fields) {
  std::vector<Field> columns;
  for (size_t i = 0; i < fields.size(); ++i) {
    std::vector<std::string> parts = SplitWord(fields.Text(i), ':');
    parts.resize(5, "0");
    columns.push_back({parts[0], static_cast<uint32_t>(Number(parts[1])), static_cast<uint32_t>(Number(parts[2])),
                       static_cast<int>(Number(parts[3])), static_cast<int>(Number(parts[4]))});
  }
  return RowDescription(columns);
}

// SEVERITY SQLSTATE "text": "-" is no SQLSTATE.
inline std::string ReportText(char type, const Fields& fields) {
  const std::string severity = fields.Text(0);
  std::string body = 'S' + Cstring(severity) + 'V' + Cstring(severity);
  if (fields.Text(1) != "-") body += 'C' + Cstring(fields.Text(1));
  return Message(type, body + 'M' + Cstring(fields.Text(2)) + '\0');
}

// text|binary, then how many columns.
inline std::string CopyText(char type, const Fields& fields) {
  const int format = fields.Text(0) == "binary" ? 1 : 0;
  return Message(type, std::string(1, static_cast<char>(format)) +
                           Formats(std::vector<int>(static_cast<size_t>(fields.Int(1)), format)));
}

inline std::string AuthenticationText(int32_t kind, const Fields& fields) {
  return Message('R', Int32(kind) + fields.RawFrom(0));
}

inline std::string Named(char type, const Fields& fields) {
  const char kind = fields.Text(0) == "portal" ? 'P' : 'S';
  return Message(type, kind + Cstring(fields.Text(1)));
}

using Builder = std::function<std::string(const Fields&)>;

inline Builder Empty(char type) {
  return [type](const Fields&) { return Message(type, {}); };
}
inline Builder Authentication(int32_t kind) {
  return [kind](const Fields& f) { return AuthenticationText(kind, f); };
}

inline const std::map<std::string, Builder>& FrontendBuilders() {
  static const std::map<std::string, Builder> kBuilders = {
      {"StartupMessage", StartupText},
      {"SSLRequest", [](const Fields&) { return SslRequest(); }},
      {"GSSENCRequest", [](const Fields&) { return GssEncRequest(); }},
      {"CancelRequest", [](const Fields& f) { return CancelRequest(f.Int(0), f.Text(1)); }},
      {"PasswordMessage", [](const Fields& f) { return Password(f.Text(0)); }},
      {"SASLInitialResponse",
       [](const Fields& f) {
         const std::string response = f.Text(1);
         return Message('p', Cstring(f.Text(0)) + Int32(static_cast<int64_t>(response.size())) + response);
       }},
      {"SASLResponse", [](const Fields& f) { return Message('p', f.Text(0)); }},
      {"GSSResponse", [](const Fields& f) { return Message('p', f.Text(0)); }},
      {"Query", [](const Fields& f) { return Query(f.Text(0)); }},
      {"Parse", [](const Fields& f) { return Parse(f.Text(0), f.Text(1), f.OidsFrom(2)); }},
      {"Bind",
       [](const Fields& f) {
         return Bind(f.Text(0), f.Text(1), f.ValuesFrom(2), f.List("formats"), f.List("results"));
       }},
      {"Describe", [](const Fields& f) { return Named('D', f); }},
      {"Close", [](const Fields& f) { return Named('C', f); }},
      {"Execute", [](const Fields& f) { return Execute(f.Text(0), f.Int(1)); }},
      {"Sync", Empty('S')},
      {"Flush", Empty('H')},
      {"Terminate", Empty('X')},
      {"CopyData", [](const Fields& f) { return CopyData(f.Text(0)); }},
      {"CopyDone", Empty('c')},
      {"CopyFail", [](const Fields& f) { return CopyFail(f.Text(0)); }},
      {"FunctionCall",
       [](const Fields& f) {
         return Message('F', Int32(f.Int(0)) + Formats(f.List("formats")) + Values(f.ValuesFrom(1)) + Int16(0));
       }},
  };
  return kBuilders;
}

inline const std::map<std::string, Builder>& BackendBuilders() {
  static const std::map<std::string, Builder> kBuilders = {
      {"AuthenticationOk", Authentication(0)},
      {"AuthenticationKerberosV5", Authentication(2)},
      {"AuthenticationCleartextPassword", Authentication(3)},
      {"AuthenticationMD5Password", Authentication(5)},
      {"AuthenticationGSS", Authentication(7)},
      {"AuthenticationGSSContinue", Authentication(8)},
      {"AuthenticationSSPI", Authentication(9)},
      {"AuthenticationSASL", [](const Fields& f) { return Message('R', Int32(10) + f.CstringsFrom(0) + '\0'); }},
      {"AuthenticationSASLContinue", Authentication(11)},
      {"AuthenticationSASLFinal", Authentication(12)},
      {"NegotiateProtocolVersion",
       [](const Fields& f) {
         return Message('v', Int32(f.Int(0)) + Int32(static_cast<int64_t>(f.size()) - 1) + f.CstringsFrom(1));
       }},
      {"ParameterStatus", [](const Fields& f) { return ParameterStatus(f.Text(0), f.Text(1)); }},
      {"BackendKeyData", [](const Fields& f) { return BackendKeyData(f.Int(0), f.Text(1)); }},
      {"ReadyForQuery", [](const Fields& f) { return Message('Z', f.Text(0)); }},
      {"ParseComplete", Empty('1')},
      {"BindComplete", Empty('2')},
      {"CloseComplete", Empty('3')},
      {"NoData", Empty('n')},
      {"ParameterDescription", [](const Fields& f) { return ParameterDescription(f.OidsFrom(0)); }},
      {"RowDescription", RowDescriptionText},
      {"DataRow", [](const Fields& f) { return DataRow(f.ValuesFrom(0)); }},
      {"CommandComplete", [](const Fields& f) { return CommandComplete(f.Text(0)); }},
      {"EmptyQueryResponse", Empty('I')},
      {"PortalSuspended", Empty('s')},
      {"ErrorResponse", [](const Fields& f) { return ReportText('E', f); }},
      {"NoticeResponse", [](const Fields& f) { return ReportText('N', f); }},
      {"NotificationResponse",
       [](const Fields& f) { return Message('A', Int32(f.Int(0)) + Cstring(f.Text(1)) + Cstring(f.Text(2))); }},
      {"CopyInResponse", [](const Fields& f) { return CopyText('G', f); }},
      {"CopyOutResponse", [](const Fields& f) { return CopyText('H', f); }},
      {"CopyBothResponse", [](const Fields& f) { return CopyText('W', f); }},
      {"CopyData", [](const Fields& f) { return CopyData(f.Text(0)); }},
      {"CopyDone", Empty('c')},
      {"FunctionCallResponse",
       [](const Fields& f) {
         const Value value = f.ValuesFrom(0).at(0);
         return Message('V', value ? Int32(static_cast<int64_t>(value->size())) + *value : Int32(-1));
       }},
  };
  return kBuilders;
}

inline std::string MessageBytes(wire::Origin origin, Words words) {
  const std::string name = words.at(0).text;
  words.erase(words.begin());
  if (name == "raw" || name == "answer") return Raw(words);
  if (name == "message") {
    const Fields fields(words);
    return Message(fields.Text(0).at(0), fields.RawFrom(1));
  }
  const auto& builders = origin == wire::Origin::kFrontend ? FrontendBuilders() : BackendBuilders();
  const auto builder = builders.find(name);
  if (builder == builders.end()) {
    ADD_FAILURE() << "no such message: " << name;
    return {};
  }
  return builder->second(Fields(std::move(words)));
}

inline ScriptLine ReadLine(std::string line) {
  ScriptLine read{.text = std::move(line)};
  const std::string_view text = read.text;
  if (text.empty() || text[0] == '#') return read;
  if (text[0] == '=') {
    read.kind = ScriptLine::Kind::kExpectation;
    return read;
  }
  if (text == "live" || text.starts_with("live ")) return read;
  if (text == "login") {
    read.kind = ScriptLine::Kind::kLogin;
    return read;
  }
  Words words = Lex(text);
  const bool frontend = words[0].text == "F";
  if ((!frontend && words[0].text != "B") || words.size() < 2) {
    ADD_FAILURE() << "neither F nor B: " << text;
    return read;
  }
  words.erase(words.begin());
  const std::string& what = words[0].text;
  read.kind = what == "half-close"                 ? ScriptLine::Kind::kHalfClose
              : what == "close" || what == "reset" ? ScriptLine::Kind::kEnd
                                                   : ScriptLine::Kind::kMessage;
  if (read.kind == ScriptLine::Kind::kEnd) read.by = what == "reset" ? 'R' : frontend ? 'F' : 'B';
  if (read.kind != ScriptLine::Kind::kMessage) return read;
  const auto origin = frontend ? wire::Origin::kFrontend : wire::Origin::kBackend;
  read.chunk = {origin, MessageBytes(origin, std::move(words))};
  return read;
}

}  // namespace conversation_text

inline std::vector<ScriptLine> ReadScript(const std::string& text) {
  std::vector<ScriptLine> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(conversation_text::ReadLine(std::move(line)));
  return lines;
}

}  // namespace pgassay::tests
