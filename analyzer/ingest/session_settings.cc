#include "analyzer/ingest/session_settings.h"

#include <algorithm>
#include <array>

#include "analyzer/sql/lexer.h"
#include "proxy/base/lower_case.h"

namespace pgassay::ingest {
namespace {

using sql::TokenKind;

// Those of ParameterStatus that change how a text is read.
constexpr auto kReported = std::to_array<std::string_view>(
    {"search_path", "DateStyle", "IntervalStyle", "TimeZone", "standard_conforming_strings"});
constexpr size_t kMaxSettings = 100;  // of a session; whoever makes more of them is not followed

class Statement {
 public:
  explicit Statement(std::string_view text) : text_(text) { sql::Lex(text, lexed_); }

  std::optional<SettingChange> Read() {
    if (lexed_.stopped_at != std::string_view::npos) return std::nullopt;
    if (TakeWord("set")) return Set();
    if (TakeWord("reset")) return Reset();
    if (TakeWord("discard")) return TakeWord("all") ? std::optional(SettingChange{}) : std::nullopt;
    if (TakeWord("select")) return SetConfig();
    return std::nullopt;
  }

 private:
  const sql::Token& At(size_t ahead = 0) const {
    static const sql::Token kEnd{};
    return at_ + ahead < lexed_.tokens.size() ? lexed_.tokens[at_ + ahead] : kEnd;
  }
  bool AtEnd() const { return at_ >= lexed_.tokens.size() || At().kind == TokenKind::kSemicolon; }
  std::string_view TextOf(const sql::Token& token) const { return text_.substr(token.begin, token.end - token.begin); }
  bool TakeWord(std::string_view word) {
    if (At().kind != TokenKind::kWord || LowerCase(TextOf(At())) != word) return false;
    ++at_;
    return true;
  }
  bool Take(TokenKind kind) {
    if (at_ >= lexed_.tokens.size() || At().kind != kind) return false;
    ++at_;
    return true;
  }

  std::string Name() {
    std::string name;
    while (At().kind == TokenKind::kWord || At().kind == TokenKind::kQuotedWord) {
      name += LowerCase(sql::IdentifierName(text_, At()));
      ++at_;
      if (!Take(TokenKind::kDot)) break;
      name += '.';
    }
    return name;
  }

  std::optional<SettingChange> Set() {
    SettingChange change;
    change.local = TakeWord("local");
    if (!change.local && TakeWord("session")) {
      if (TakeWord("authorization")) return Value(std::move(change), "role");
      if (TakeWord("characteristics")) return std::nullopt;
    }
    if (TakeWord("role")) return Value(std::move(change), "role");
    if (TakeWord("time")) return TakeWord("zone") ? Value(std::move(change), "timezone") : std::nullopt;
    std::string name = Name();
    if (name.empty()) return std::nullopt;
    const bool assigned = TakeWord("to") || (At().kind == TokenKind::kOperator && TextOf(At()) == "=" && ++at_ > 0);
    if (!assigned) return std::nullopt;
    return Value(std::move(change), std::move(name));
  }

  std::optional<SettingChange> Value(SettingChange change, std::string name) {
    change.name = std::move(name);
    if (TakeWord("default") || (change.name == "role" && TakeWord("none"))) return change;
    const bool names = change.name == "search_path" || change.name == "role";
    std::string value;
    for (; !AtEnd(); ++at_) {
      const sql::Token& token = At();
      if (token.kind == TokenKind::kString) {
        const std::string literal = sql::LiteralValue(text_, token);
        value += change.name == "search_path" ? catalog::QuoteIdentifier(literal) : literal;
      } else if (names && (token.kind == TokenKind::kWord || token.kind == TokenKind::kQuotedWord)) {
        const std::string identifier = sql::IdentifierName(text_, token);
        value += change.name == "search_path" ? catalog::QuoteIdentifier(identifier) : identifier;
      } else if (token.kind == TokenKind::kComma) {
        value += ", ";
      } else if (token.kind == TokenKind::kParameter) {
        return std::nullopt;
      } else {
        value += TextOf(token);
      }
    }
    change.value = std::move(value);
    return change;
  }

  std::optional<SettingChange> Reset() {
    SettingChange change;
    if (TakeWord("all")) return change;
    if (TakeWord("session"))
      return TakeWord("authorization") ? std::optional(SettingChange{.name = "role", .value = {}}) : std::nullopt;
    if (TakeWord("time")) return SettingChange{.name = "timezone", .value = {}};
    change.name = Name();
    return change.name.empty() ? std::nullopt : std::optional(change);
  }

  // SELECT [pg_catalog.]set_config('name', 'value', true)
  std::optional<SettingChange> SetConfig() {
    const std::string function = Name();
    if (function != "set_config" && function != "pg_catalog.set_config") return std::nullopt;
    if (!Take(TokenKind::kOpen) || At().kind != TokenKind::kString || At(1).kind != TokenKind::kComma ||
        At(2).kind != TokenKind::kString || At(3).kind != TokenKind::kComma) {
      return std::nullopt;
    }
    SettingChange change{.name = LowerCase(sql::LiteralValue(text_, At())), .value = sql::LiteralValue(text_, At(2))};
    at_ += 4;
    change.local = TakeWord("true");
    if (!change.local && !TakeWord("false")) return std::nullopt;
    return change;
  }

  std::string_view text_;
  sql::Lexed lexed_;
  size_t at_ = 0;
};

}  // namespace

std::vector<std::pair<std::string, std::string>> ReadOptions(std::string_view options) {
  std::vector<std::string> words;
  bool in_word = false;
  for (size_t i = 0; i < options.size(); ++i) {
    const bool space = options[i] == ' ' || (options[i] >= '\t' && options[i] <= '\r');
    if (space) {
      in_word = false;
      continue;
    }
    if (options[i] == '\\' && i + 1 < options.size()) ++i;
    if (!in_word) words.emplace_back();
    in_word = true;
    words.back() += options[i];
  }
  std::vector<std::pair<std::string, std::string>> settings;
  for (size_t i = 0; i < words.size() && settings.size() < kMaxSettings; ++i) {
    std::string word = words[i];
    if (word == "-c" && i + 1 < words.size()) {
      word = words[++i];
    } else if (word.starts_with("-c") || word.starts_with("--")) {
      word.erase(0, 2);
    } else {
      continue;
    }
    const size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0) continue;
    std::string name = LowerCase(word.substr(0, equals));
    std::ranges::replace(name, '-', '_');
    settings.emplace_back(std::move(name), word.substr(equals + 1));
  }
  return settings;
}

std::optional<SettingChange> ReadSettingChange(std::string_view statement) { return Statement(statement).Read(); }

void SessionSettings::OnStatement(sql::Operation operation, std::string_view text, char transaction_before) {
  const bool in_transaction = transaction_before == 'T' || transaction_before == 'E';
  if (!in_transaction && open_) End(false);  // its end was not seen
  switch (operation) {
    case sql::Operation::kBegin:
      if (in_transaction) return;
      open_ = true;
      at_begin_ = lasting_;
      return;
    case sql::Operation::kCommit:
      return End(transaction_before == 'T');
    case sql::Operation::kRollback:
      return End(false);
    case sql::Operation::kSet:
    case sql::Operation::kReset:
    case sql::Operation::kDiscard:
    case sql::Operation::kSelect:
      if (const auto change = ReadSettingChange(text)) Apply(*change, open_);
      return;
    default:
      return;
  }
}

void SessionSettings::Apply(const SettingChange& change, bool in_transaction) {
  if (change.local && !in_transaction) return;
  const auto set = [&](Values& values) {
    const auto standard = defaults_.find(change.name);
    if (change.name.empty()) {
      values = defaults_;
    } else if (!change.value && standard == defaults_.end()) {
      values.erase(change.name);
    } else if (!change.value) {
      values[change.name] = standard->second;
    } else if (values.size() < kMaxSettings) {
      values[change.name] = *change.value;
    }
  };
  set(now_);
  if (!change.local) set(lasting_);
  context_.reset();
}

void SessionSettings::End(bool committed) {
  if (!open_) return;
  open_ = false;
  if (!committed) lasting_ = at_begin_;
  if (now_ == lasting_) return;
  now_ = lasting_;
  context_.reset();
}

void SessionSettings::OnReport(std::string_view name, std::string_view value) {
  if (name == "options") {
    for (auto& [option, setting] : ReadOptions(value)) {
      defaults_[option] = setting;
      lasting_[option] = setting;
      now_[option] = std::move(setting);
    }
    context_.reset();
    return;
  }
  if (std::ranges::find(kReported, name) == kReported.end()) return;
  std::string& now = now_[LowerCase(name)];
  if (now == value) return;
  now = value;
  context_.reset();
}

std::shared_ptr<const catalog::SessionContext> SessionSettings::Context() {
  if (context_) return context_;
  auto context = std::make_shared<catalog::SessionContext>();
  context->user = user_;
  for (const auto& [name, value] : now_) {
    if (name == "role") {
      context->role = value;
    } else {
      context->settings.emplace_back(name, value);
    }
  }
  context_ = std::move(context);
  return context_;
}

}  // namespace pgassay::ingest
