#include "analyzer/sql/orm.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "analyzer/sql/lexer.h"
#include "proxy/base/lower_case.h"

namespace pgassay::sql {
namespace {

constexpr std::string_view kNames[] = {"", "sqlalchemy", "django", "rails", "prisma", "typeorm", "hibernate"};

Orm Named(std::string_view text) {
  const std::string name = LowerCase(text);
  for (size_t i = 1; i < std::size(kNames); ++i) {
    if (name.contains(kNames[i])) return static_cast<Orm>(i);
  }
  return name.contains("activerecord") || name.contains("active_record") ? Orm::kRails : Orm::kUnknown;
}

Orm FromTags(std::span<const Tag> tags) {
  bool controller = false, application = false;
  for (const Tag& tag : tags) {
    if (tag.key == "framework" || tag.key == "db_driver" || tag.key == "orm") {
      if (const Orm orm = Named(tag.value); orm != Orm::kUnknown) return orm;
    }
    controller = controller || tag.key == "controller";
    application = application || tag.key == "application";
  }
  return controller && application ? Orm::kRails : Orm::kUnknown;
}

// What a select list's tokens have in common.
class ShapeMarks {
 public:
  explicit ShapeMarks(std::string_view sql) : sql_(sql) {
    Lex(sql, lexed_);
    for (size_t i = 0; i < lexed_.tokens.size(); ++i) {
      if (Kind(i + 1) == TokenKind::kDot && Kind(i) != TokenKind::kDot) Qualified(i);
      if (Word(i) == "as" && i >= 3 && Kind(i - 2) == TokenKind::kDot) Aliased(i);
      const std::string word = Word(i);
      if (word.starts_with("anon_") && word.size() > 5 && std::isdigit(static_cast<unsigned char>(word[5])) != 0)
        ++anonymous;
    }
  }

  int anonymous = 0;            // anon_1
  int table_column = 0;         // users.id AS users_id
  int quoted_table_column = 0;  // "User"."id" AS "User_id"
  int quoted_qualified = 0;     // "table"."column"
  int plain_qualified = 0;      // table.column
  int quoted_star = 0;          // "users".*
  int three_part = 0;           // "public"."User"."id"
  int hibernate_alias = 0;      // u1_0.id

 private:
  TokenKind Kind(size_t i) const { return i < lexed_.tokens.size() ? lexed_.tokens[i].kind : TokenKind::kSemicolon; }
  std::string Name(size_t i) const { return IdentifierName(sql_, lexed_.tokens[i]); }
  std::string Word(size_t i) const { return Kind(i) == TokenKind::kWord ? Name(i) : std::string(); }
  bool IsName(size_t i) const { return Kind(i) == TokenKind::kWord || Kind(i) == TokenKind::kQuotedWord; }

  void Qualified(size_t i) {
    const bool quoted = Kind(i) == TokenKind::kQuotedWord;
    if (i >= 1 && Kind(i - 1) == TokenKind::kDot) return;
    if (quoted && Kind(i + 2) == TokenKind::kOperator) ++quoted_star;
    if (!IsName(i + 2)) return;
    if (quoted && Kind(i + 2) == TokenKind::kQuotedWord) {
      if (Kind(i + 3) == TokenKind::kDot && Kind(i + 4) == TokenKind::kQuotedWord)
        ++three_part;
      else
        ++quoted_qualified;
    } else if (!quoted) {
      ++plain_qualified;
      if (IsHibernateAlias(Name(i))) ++hibernate_alias;
    }
  }

  static bool IsHibernateAlias(std::string_view name) {  // letters, digits, underscore, digits
    const size_t underscore = name.find('_');
    if (underscore == std::string_view::npos || underscore < 2 || underscore + 1 >= name.size()) return false;
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    size_t letters = 0;
    while (letters < underscore && !digit(name[letters])) ++letters;
    return letters >= 1 && letters <= 3 && letters < underscore &&
           std::ranges::all_of(name.substr(letters, underscore - letters), digit) &&
           std::ranges::all_of(name.substr(underscore + 1), digit);
  }

  void Aliased(size_t i) {
    if (!IsName(i - 1) || !IsName(i - 3) || !IsName(i + 1)) return;
    if (Name(i + 1) != Name(i - 3) + "_" + Name(i - 1)) return;
    if (Kind(i + 1) == TokenKind::kQuotedWord && Kind(i - 3) == TokenKind::kQuotedWord)
      ++quoted_table_column;
    else if (Kind(i + 1) == TokenKind::kWord)
      ++table_column;
  }

  std::string_view sql_;
  Lexed lexed_;
};

Orm FromShape(std::string_view sql) {
  const ShapeMarks marks(sql);
  if (marks.three_part >= 2) return Orm::kPrisma;
  if (marks.quoted_table_column >= 2) return Orm::kTypeOrm;
  if (marks.hibernate_alias >= 2 && marks.hibernate_alias == marks.plain_qualified) return Orm::kHibernate;
  if (marks.table_column >= 2 || (marks.anonymous > 0 && marks.plain_qualified > 0)) return Orm::kSqlAlchemy;
  if (marks.quoted_star == 1 && marks.plain_qualified == 0) return Orm::kRails;
  if (marks.quoted_qualified >= 3 && marks.plain_qualified == 0 && marks.quoted_star == 0 && !sql.contains(" AS \"")) {
    return Orm::kDjango;
  }
  return Orm::kUnknown;
}

}  // namespace

std::string_view OrmName(Orm orm) { return kNames[static_cast<size_t>(orm)]; }

Orm GuessOrm(std::string_view redacted_sql, std::span<const Tag> tags, std::string_view application_name) {
  if (const Orm orm = FromTags(tags); orm != Orm::kUnknown) return orm;
  if (const Orm orm = FromShape(redacted_sql); orm != Orm::kUnknown) return orm;
  return Named(application_name);
}

}  // namespace pgassay::sql
