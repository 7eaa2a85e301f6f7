#include <charconv>

#include "analyzer/catalog/reader.h"

// A view's rule as the server stores it: "({QUERY :commandType 1 … :targetList ({TARGETENTRY :expr {…} :resno 1
// :resname id :ressortgroupref 0 :resorigtbl 16385 :resorigcol 1 :resjunk false} …) …})". Structure characters inside
// of tokens are escaped with a backslash.

namespace pgassay::catalog {
namespace {

// One target entry's own fields; those of nodes inside it lie deeper.
struct Target {
  int16_t number = 0;
  uint32_t origin = 0;
  int16_t origin_column = 0;
  bool junk = false;
};

template <class Number>
Number Parsed(std::string_view text) {
  Number value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

class Walker {
 public:
  Walker(std::string_view tree, const Relation& view) : tree_(tree), view_(view) {}

  std::vector<ViewColumn> Walk() {
    while (at_ < tree_.size()) {
      const char c = tree_[at_];
      if (c == '{' || c == '(') {
        ++at_;
        Open(c);
      } else if (c == '}' || c == ')') {
        ++at_;
        Close(c);
      } else if (c == ' ' || c == '\n') {
        ++at_;
      } else {
        Take(Token());
      }
    }
    return std::move(columns_);
  }

 private:
  static constexpr int kQueryDepth = 2;   // ({QUERY
  static constexpr int kTargetDepth = 4;  // ({QUERY :targetList ({TARGETENTRY

  void Open(char c) {
    ++depth_;
    if (depth_ == kTargetDepth && c == '{' && in_targets_) target_ = {};
  }
  void Close(char c) {
    if (depth_ == kTargetDepth && c == '}' && in_targets_ && !target_.junk && target_.origin != 0) {
      if (const Column* column = FindColumn(view_, target_.number)) {
        columns_.push_back({column->name, target_.origin, target_.origin_column});
      }
    }
    --depth_;
  }

  std::string Token() {
    std::string token;
    for (; at_ < tree_.size(); ++at_) {
      char c = tree_[at_];
      if (c == '\\' && at_ + 1 < tree_.size()) {
        c = tree_[++at_];
      } else if (c == ' ' || c == '\n' || c == '(' || c == ')' || c == '{' || c == '}') {
        break;
      }
      token += c;
    }
    return token;
  }

  void Take(std::string token) {
    if (depth_ == kQueryDepth && token.starts_with(':')) in_targets_ = token == ":targetList";
    if (depth_ == kTargetDepth && in_targets_) {
      if (field_ == ":resno") target_.number = Parsed<int16_t>(token);
      if (field_ == ":resorigtbl") target_.origin = Parsed<uint32_t>(token);
      if (field_ == ":resorigcol") target_.origin_column = Parsed<int16_t>(token);
      if (field_ == ":resjunk") target_.junk = token == "true";
    }
    field_ = std::move(token);
  }

  std::string_view tree_;
  const Relation& view_;
  size_t at_ = 0;
  int depth_ = 0;
  bool in_targets_ = false;
  std::string field_;  // the token before
  Target target_;
  std::vector<ViewColumn> columns_;
};

}  // namespace

std::vector<ViewColumn> ViewColumnsOf(std::string_view node_tree, const Relation& view) {
  return Walker(node_tree, view).Walk();
}

}  // namespace pgassay::catalog
