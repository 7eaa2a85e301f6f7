#include "analyzer/catalog/statistics_csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace pgassay::catalog {
namespace {

// Records of CSV, one after the other: fields in quotes may hold commas, doubled quotes and new lines.
class Records {
 public:
  explicit Records(std::string_view text) : rest_(text) {}

  size_t line() const { return line_; }  // of the record last read
  std::optional<std::vector<std::string>> Next() {
    if (rest_.empty()) return std::nullopt;
    line_ = next_line_;
    std::vector<std::string> fields(1);
    bool quoted = false;
    for (size_t at = 0; at <= rest_.size(); ++at) {
      const char c = at < rest_.size() ? rest_[at] : '\n';
      if (c == '\n') ++next_line_;
      if (at == rest_.size() || (c == '\n' && !quoted)) {
        rest_.remove_prefix(std::min(at + 1, rest_.size()));
        break;
      }
      if (c == '"') {
        const bool doubled = quoted && at + 1 < rest_.size() && rest_[at + 1] == '"';
        if (doubled)
          fields.back() += rest_[++at];
        else
          quoted = !quoted;
      } else if (c == ',' && !quoted) {
        fields.emplace_back();
      } else if (c != '\r' || quoted) {
        fields.back() += c;
      }
    }
    return fields;
  }

 private:
  std::string_view rest_;
  size_t line_ = 0, next_line_ = 1;
};

std::optional<double> Number(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// "{0.5,0.25}"
std::optional<std::vector<double>> Numbers(std::string_view text) {
  std::vector<double> numbers;
  if (text.size() < 2 || text.front() != '{' || text.back() != '}') return std::nullopt;
  text = text.substr(1, text.size() - 2);
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const auto number = Number(text.substr(0, comma));
    if (!number) return std::nullopt;
    numbers.push_back(*number);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return numbers;
}

class Overlay {
 public:
  explicit Overlay(Snapshot& snapshot) : snapshot_(snapshot) {}

  Result<size_t> Apply(std::string_view csv) {
    Records records(csv);
    const auto header = records.Next();
    for (const char* name : {"schemaname", "tablename", "attname"}) {
      if (!header || std::ranges::find(*header, name) == header->end())
        return Fail(fmt::format("has no column {} in its first line", name));
    }
    for (size_t i = 0; i < header->size(); ++i) places_[(*header)[i]] = i;
    size_t applied = 0;
    while (auto record = records.Next()) {
      if (record->size() == 1 && record->front().empty()) continue;
      if (record->size() != header->size())
        return Fail(fmt::format("has {} fields in line {}, and {} in its first", record->size(), records.line(),
                                header->size()));
      fields_ = std::move(*record);
      Relation* relation = Find(*Field("schemaname"), *Field("tablename"));
      if (relation == nullptr) continue;
      const auto column = std::ranges::find(relation->columns, *Field("attname"), &Column::name);
      if (column == relation->columns.end()) continue;
      if (!SetTable(*relation) || !SetColumn(*column))
        return Fail(fmt::format("has something that is no number in line {}", records.line()));
      ++applied;
    }
    return applied;
  }

 private:
  Relation* Find(std::string_view schema, std::string_view name) {
    const auto found = std::ranges::find_if(snapshot_.relations, [&](const Relation& relation) {
      return relation.schema == schema && relation.name == name;
    });
    return found == snapshot_.relations.end() ? nullptr : &*found;
  }

  // Null where the file does not have it, or it is NULL.
  const std::string* Field(std::string_view name) const {
    const auto place = places_.find(name);
    if (place == places_.end() || fields_[place->second].empty()) return nullptr;
    return &fields_[place->second];
  }
  // False: it is no number.
  template <class Value>
  bool Set(std::string_view name, Value& value) const {
    const std::string* field = Field(name);
    if (field == nullptr) return true;
    const auto number = Number(*field);
    if (number) value = static_cast<Value>(*number);
    return number.has_value();
  }

  bool SetTable(Relation& relation) {
    const double rows = relation.rows;
    if (!Set("reltuples", relation.rows) || !Set("relpages", relation.pages) ||
        !Set("relallvisible", relation.all_visible_pages))
      return false;
    if (rows <= 0 || relation.rows == rows) return true;  // unknown before, or done with another column
    for (Index& index : snapshot_.indexes) {
      if (index.relation_oid != relation.oid) continue;
      const double growth = relation.rows / rows;
      index.pages = std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(index.pages) * growth));
      index.bytes = static_cast<int64_t>(static_cast<double>(index.bytes) * growth);
    }
    return true;
  }

  bool SetColumn(Column& column) const {
    if (const std::string* field = Field("most_common_freqs"); field != nullptr) {
      auto numbers = Numbers(*field);
      if (!numbers) return false;
      column.common_frequencies = std::move(*numbers);
    } else {
      column.common_frequencies.clear();
    }
    return Set("null_frac", column.null_fraction) && Set("avg_width", column.average_width) &&
           Set("n_distinct", column.distinct) && Set("correlation", column.correlation);
  }

  Snapshot& snapshot_;
  std::map<std::string, size_t, std::less<>> places_;
  std::vector<std::string> fields_;
};

}  // namespace

Result<size_t> ApplyStatistics(std::string_view csv, Snapshot& snapshot) { return Overlay(snapshot).Apply(csv); }

}  // namespace pgassay::catalog
