#include "analyzer/advisor/ddl.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace pgassay::advisor {
namespace {

using catalog::IndexSpec;
using catalog::Relation;

constexpr size_t kMaxName = 63;  // NAMEDATALEN - 1

// Words for a name: letters and digits of the column or expression.
std::string Word(std::string_view text) {
  std::string word;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0)
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    else if (!word.empty() && word.back() != '_')
      word += '_';
  }
  while (word.ends_with('_')) word.pop_back();
  return word;
}

std::string KeyWord(const catalog::IndexKey& key, const Relation& relation) {
  const catalog::Column* column = catalog::FindColumn(relation, key.attnum);
  if (column != nullptr) return Word(column->name);
  std::string text = key.expression;
  if (const size_t cast = text.find("::"); cast != std::string::npos) text.resize(cast);
  return Word(text);
}

std::string Cut(std::string text, size_t bytes) {
  while (text.size() > bytes) text.pop_back();
  while (text.ends_with('_')) text.pop_back();
  return text;
}

std::string Unique(const std::string& wished, std::set<std::string>& taken) {
  std::string name = Cut(wished, kMaxName);
  for (int number = 2; taken.contains(name); ++number) {
    const std::string suffix = fmt::format("_{}", number);
    name = Cut(wished, kMaxName - suffix.size()) + suffix;
  }
  taken.insert(name);
  return name;
}

// The same index on a partition, whose columns may be numbered differently.
IndexSpec Moved(const IndexSpec& spec, const Relation& from, const Relation& to) {
  IndexSpec moved = spec;
  moved.relation_oid = to.oid;
  const auto number = [&](int16_t attnum) {
    const catalog::Column* column = catalog::FindColumn(from, attnum);
    const catalog::Column* there = column == nullptr ? nullptr : catalog::FindColumn(to, column->name);
    return there == nullptr ? attnum : there->attnum;
  };
  for (catalog::IndexKey& key : moved.keys) {
    if (key.attnum != 0) key.attnum = number(key.attnum);
  }
  for (int16_t& column : moved.included) column = number(column);
  return moved;
}

std::string QualifiedIndex(const std::string& schema, const std::string& name) {
  return catalog::QuoteIdentifier(schema) + "." + catalog::QuoteIdentifier(name);
}

void CreatePartitioned(const IndexSpec& spec, const Relation& relation, const catalog::Snapshot& snapshot,
                       std::set<std::string>& taken, std::vector<std::string>& statements) {
  statements.push_back(catalog::IndexDefinition(spec, relation, {.only = true}) + ";");
  for (const Relation& part : snapshot.relations) {
    if (!part.partition || part.parent_oid != relation.oid) continue;
    IndexSpec own = Moved(spec, relation, part);
    own.name = IndexName(own, part, taken);
    if (part.kind == 'p')
      CreatePartitioned(own, part, snapshot, taken, statements);
    else
      statements.push_back(catalog::IndexDefinition(own, part, {.concurrently = true}) + ";");
    statements.push_back(fmt::format("ALTER INDEX {} ATTACH PARTITION {};", QualifiedIndex(relation.schema, spec.name),
                                     QualifiedIndex(part.schema, own.name)));
  }
}

// ---- declarations ----

std::string Quoted(std::string_view text, char quote = '"') {
  std::string quoted(1, quote);
  for (const char c : text) {
    if (c == quote || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + quote;
}

std::string NameOf(int16_t attnum, const Relation& relation) {
  const catalog::Column* column = catalog::FindColumn(relation, attnum);
  return column == nullptr ? "" : column->name;
}

std::string NamesOf(const std::vector<int16_t>& columns, const Relation& relation, std::string_view before) {
  std::string text;
  for (const int16_t column : columns) {
    text += (text.empty() ? "" : ", ") +
            (before == ":" ? ":" + NameOf(column, relation) : Quoted(NameOf(column, relation)));
  }
  return text;
}

std::string KeySql(const catalog::IndexKey& key, const Relation& relation) {
  std::string text = key.attnum != 0 ? catalog::QuoteIdentifier(NameOf(key.attnum, relation)) : key.expression;
  if (key.descending) text += " DESC";
  if (key.descending != key.nulls_first) text += key.nulls_first ? " NULLS FIRST" : " NULLS LAST";
  return text;
}

bool IsPlainKey(const catalog::IndexKey& key) { return key.attnum != 0 && !key.descending && !key.nulls_first; }

std::string SqlAlchemy(const IndexSpec& spec, const Relation& relation) {
  std::string text = fmt::format("Index({}", Quoted(spec.name));
  std::string ops;
  for (const catalog::IndexKey& key : spec.keys) {
    text += IsPlainKey(key) ? fmt::format(", {}", Quoted(NameOf(key.attnum, relation)))
                            : fmt::format(", text({})", Quoted(KeySql(key, relation)));
    if (!key.operator_class.empty() && key.attnum != 0)
      ops += fmt::format("{}{}: {}", ops.empty() ? "" : ", ", Quoted(NameOf(key.attnum, relation)),
                         Quoted(key.operator_class));
  }
  if (spec.access_method != "btree") text += fmt::format(", postgresql_using={}", Quoted(spec.access_method));
  if (!ops.empty()) text += fmt::format(", postgresql_ops={{{}}}", ops);
  if (!spec.included.empty()) text += fmt::format(", postgresql_include=[{}]", NamesOf(spec.included, relation, "\""));
  if (!spec.predicate.empty()) text += fmt::format(", postgresql_where=text({})", Quoted(spec.predicate));
  return text + ")";
}

// A predicate of ours is `column IS NULL` or `column = constant`.
std::string DjangoCondition(const IndexSpec& spec, const Relation& relation) {
  for (const catalog::Column& column : relation.columns) {
    const std::string name = catalog::QuoteIdentifier(column.name);
    if (spec.predicate == name + " IS NULL") return fmt::format("Q({}__isnull=True)", column.name);
    const std::string start = name + " = ";
    if (!spec.predicate.starts_with(start)) continue;
    std::string constant = spec.predicate.substr(start.size());
    if (constant == "true" || constant == "false") constant[0] = static_cast<char>(std::toupper(constant[0]));
    return fmt::format("Q({}={})", column.name, constant);
  }
  return "";
}

std::string Django(const IndexSpec& spec, const Relation& relation) {
  const bool expressions = std::ranges::any_of(spec.keys, [](const catalog::IndexKey& key) { return key.attnum == 0; });
  std::string keys, ops;
  for (const catalog::IndexKey& key : spec.keys) {
    if (!keys.empty()) keys += ", ";
    if (key.attnum == 0) {
      const size_t open = key.expression.find('(');
      std::string function = key.expression.substr(0, open);
      function[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(function[0])));
      std::string column = key.expression.substr(open + 1);
      std::erase_if(column, [](char c) { return c == '(' || c == ')' || c == '"'; });
      keys += fmt::format("{}({})", function, Quoted(column.substr(0, column.find("::"))));
    } else if (expressions) {
      keys += fmt::format("F({}){}", Quoted(NameOf(key.attnum, relation)), key.descending ? ".desc()" : "");
    } else {
      keys += Quoted((key.descending ? "-" : "") + NameOf(key.attnum, relation));
    }
    if (!key.operator_class.empty()) ops += (ops.empty() ? "" : ", ") + Quoted(key.operator_class);
  }
  const char* type = spec.access_method == "gin"    ? "GinIndex"
                     : spec.access_method == "brin" ? "BrinIndex"
                                                    : "models.Index";
  std::string text = expressions ? fmt::format("{}({}", type, keys) : fmt::format("{}(fields=[{}]", type, keys);
  text += fmt::format(", name={}", Quoted(Cut(spec.name, 30)));  // Django's own limit
  if (!ops.empty()) text += fmt::format(", opclasses=[{}]", ops);
  if (!spec.included.empty()) text += fmt::format(", include=[{}]", NamesOf(spec.included, relation, "\""));
  if (!spec.predicate.empty()) text += fmt::format(", condition={}", DjangoCondition(spec, relation));
  return fmt::format("AddIndexConcurrently({}, {}))  # in a Migration with atomic = False", Quoted(relation.name),
                     text);
}

std::string Rails(const IndexSpec& spec, const Relation& relation) {
  const bool expressions = std::ranges::any_of(spec.keys, [](const catalog::IndexKey& key) { return key.attnum == 0; });
  std::string keys, order, ops;
  for (const catalog::IndexKey& key : spec.keys) {
    if (!keys.empty()) keys += ", ";
    keys += expressions ? KeySql(key, relation) : ":" + NameOf(key.attnum, relation);
    if (key.descending && !expressions)
      order += fmt::format("{}{}: :desc", order.empty() ? "" : ", ", NameOf(key.attnum, relation));
    if (!key.operator_class.empty() && key.attnum != 0)
      ops += fmt::format("{}{}: :{}", ops.empty() ? "" : ", ", NameOf(key.attnum, relation), key.operator_class);
  }
  std::string text = fmt::format("add_index :{}, {}", relation.name, expressions ? Quoted(keys) : "[" + keys + "]");
  if (!order.empty()) text += fmt::format(", order: {{ {} }}", order);
  if (spec.access_method != "btree") text += fmt::format(", using: :{}", spec.access_method);
  if (!ops.empty()) text += fmt::format(", opclass: {{ {} }}", ops);
  if (!spec.included.empty()) text += fmt::format(", include: [{}]", NamesOf(spec.included, relation, ":"));
  if (!spec.predicate.empty()) text += fmt::format(", where: {}", Quoted(spec.predicate));
  return text + fmt::format(", name: {}, algorithm: :concurrently  # with disable_ddl_transaction!", Quoted(spec.name));
}

std::string Prisma(const IndexSpec& spec, const Relation& relation) {
  const bool expressions = std::ranges::any_of(spec.keys, [](const catalog::IndexKey& key) { return key.attnum == 0; });
  if (expressions || !spec.predicate.empty() || !spec.included.empty())
    return "not in schema.prisma: put the SQL into a migration of its own (prisma migrate dev --create-only)";
  std::string keys;
  for (const catalog::IndexKey& key : spec.keys) {
    std::string arguments = key.descending ? "sort: Desc" : "";
    if (!key.operator_class.empty()) {
      if (!arguments.empty()) arguments += ", ";
      arguments += key.operator_class == "jsonb_path_ops" ? "ops: JsonbPathOps"
                                                          : fmt::format("ops: raw({})", Quoted(key.operator_class));
    }
    keys +=
        (keys.empty() ? "" : ", ") + NameOf(key.attnum, relation) + (arguments.empty() ? "" : "(" + arguments + ")");
  }
  std::string type;
  if (spec.access_method == "gin") type = ", type: Gin";
  if (spec.access_method == "brin") type = ", type: Brin";
  return fmt::format("@@index([{}], map: {}{})", keys, Quoted(spec.name), type);
}

}  // namespace

std::set<std::string> TakenNames(const catalog::Snapshot& snapshot) {
  std::set<std::string> taken;
  for (const Relation& relation : snapshot.relations) taken.insert(relation.name);
  for (const catalog::Index& index : snapshot.indexes) taken.insert(index.name);
  return taken;
}

std::string IndexName(const IndexSpec& spec, const Relation& relation, std::set<std::string>& taken) {
  std::string name = "ix_" + Word(relation.name);
  for (const catalog::IndexKey& key : spec.keys) name += "_" + KeyWord(key, relation);
  if (!spec.predicate.empty()) {
    std::string_view predicate = spec.predicate;
    if (const size_t value = predicate.find(" = "); value != std::string_view::npos) predicate.remove_prefix(value + 3);
    name += "_where_" + Word(predicate);
  }
  if (spec.access_method != "btree") name += "_" + spec.access_method;
  return Unique(name, taken);
}

std::vector<std::string> CreateStatements(const IndexSpec& spec, const Relation& relation,
                                          const catalog::Snapshot& snapshot) {
  std::vector<std::string> statements;
  if (!spec.extension.empty() && std::ranges::find(snapshot.extensions, spec.extension) == snapshot.extensions.end())
    statements.push_back(fmt::format("CREATE EXTENSION IF NOT EXISTS {};", spec.extension));
  if (relation.kind == 'p') {
    std::set<std::string> taken = TakenNames(snapshot);
    taken.insert(spec.name);
    CreatePartitioned(spec, relation, snapshot, taken, statements);
  } else {
    statements.push_back(catalog::IndexDefinition(spec, relation, {.concurrently = true}) + ";");
  }
  return statements;
}

std::vector<std::string> DropStatements(const catalog::Index& index, const Relation& relation) {
  // DROP INDEX CONCURRENTLY refuses partitioned indexes.
  const char* how = relation.kind == 'p' ? "" : "CONCURRENTLY ";
  return {fmt::format("DROP INDEX {}{};", how, QualifiedIndex(index.schema, index.name))};
}

std::vector<std::pair<std::string, std::string>> Declarations(const IndexSpec& spec, const Relation& relation) {
  return {{"sqlalchemy", SqlAlchemy(spec, relation)},
          {"django", Django(spec, relation)},
          {"rails", Rails(spec, relation)},
          {"prisma", Prisma(spec, relation)}};
}

}  // namespace pgassay::advisor
