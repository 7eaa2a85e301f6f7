#include "analyzer/detectors/orm_idioms.h"

#include <fmt/format.h>

#include "analyzer/lineage/relation_rules.h"

namespace pgassay::detectors {
namespace {

std::string CamelName(std::string_view snake, bool upper_first) {
  std::string out;
  bool upper = upper_first;
  for (const char c : snake) {
    if (c == '_') {
      upper = true;
      continue;
    }
    out += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = false;
  }
  return out;
}

std::string SqlAlchemy(FixFamily family, const std::string& parent, const std::string& child,
                       const std::string& attribute) {
  switch (family) {
    case FixFamily::kLoadMany:
      return fmt::format("select({0}).options(selectinload({0}.{1}))", parent, attribute);
    case FixFamily::kLoadOne:
      return fmt::format("select({0}).options(joinedload({0}.{1}))", parent, attribute);
    case FixFamily::kNarrow:
      return fmt::format("select({0}).options(load_only({0}.id, …))", child);
    case FixFamily::kCount:
      return fmt::format("select(fk, func.count({}.id)).where(fk.in_(ids)).group_by(fk)", child);
    case FixFamily::kBulkUpdate:
      return fmt::format("session.execute(update({}), [{{\"id\": …}}, …])", child);
    case FixFamily::kDeduplicate:
      return fmt::format("session.get({}, id)  # the identity map answers the second time", child);
  }
  return "";
}

std::string Django(FixFamily family, const std::string& parent, const std::string& child,
                   const std::string& attribute) {
  switch (family) {
    case FixFamily::kLoadMany:
      return fmt::format("{}.objects.prefetch_related(\"{}\")", parent, attribute);
    case FixFamily::kLoadOne:
      return fmt::format("{}.objects.select_related(\"{}\")", parent, attribute);
    case FixFamily::kNarrow:
      return fmt::format("{}.objects.only(\"id\", …)", child);
    case FixFamily::kCount:
      return fmt::format("{}.objects.annotate(Count(\"{}\"))", parent, attribute);
    case FixFamily::kBulkUpdate:
      return fmt::format("{}.objects.bulk_update(rows, [\"…\"])", child);
    case FixFamily::kDeduplicate:
      return "@cached_property around the query";
  }
  return "";
}

std::string Rails(FixFamily family, const std::string& parent, const std::string& child, const std::string& attribute) {
  switch (family) {
    case FixFamily::kLoadMany:
      return fmt::format("{}.preload(:{})", parent, attribute);
    case FixFamily::kLoadOne:
      return fmt::format("{}.includes(:{})", parent, attribute);
    case FixFamily::kNarrow:
      return fmt::format("{}.select(:id, …)", child);
    case FixFamily::kCount:
      return fmt::format("{}.where(fk => ids).group(fk).count", child);
    case FixFamily::kBulkUpdate:
      return fmt::format("{}.where(id: ids).update_all(…)", child);
    case FixFamily::kDeduplicate:
      return "memoize: @value ||= query";
  }
  return "";
}

std::string Prisma(FixFamily family, const std::string& parent, const std::string& child,
                   const std::string& attribute) {
  switch (family) {
    case FixFamily::kLoadMany:
      return fmt::format("prisma.{}.findMany({{ include: {{ {}: true }} }})", parent, attribute);
    case FixFamily::kLoadOne:
      return fmt::format("prisma.{}.findMany({{ relationLoadStrategy: 'join', include: {{ {}: true }} }})", parent,
                         attribute);
    case FixFamily::kNarrow:
      return fmt::format("prisma.{}.findMany({{ select: {{ id: true, … }} }})", child);
    case FixFamily::kCount:
      return fmt::format("prisma.{}.findMany({{ include: {{ _count: true }} }})", parent);
    case FixFamily::kBulkUpdate:
      return fmt::format("prisma.{}.updateMany({{ where: {{ id: {{ in: ids }} }}, data }})", child);
    case FixFamily::kDeduplicate:
      return "one DataLoader per request";
  }
  return "";
}

std::string TypeOrm(FixFamily family, const std::string& parent, const std::string& child,
                    const std::string& attribute) {
  switch (family) {
    case FixFamily::kLoadMany:
      return fmt::format("repository({}).find({{ relations: {{ {}: true }}, relationLoadStrategy: 'query' }})", parent,
                         attribute);
    case FixFamily::kLoadOne:
      return fmt::format("createQueryBuilder({0}, 'p').leftJoinAndSelect('p.{1}', 'c')", parent, attribute);
    case FixFamily::kNarrow:
      return fmt::format("repository({}).find({{ select: {{ id: true, … }} }})", child);
    case FixFamily::kCount:
      return fmt::format("one grouped count of {} instead of one each", child);
    case FixFamily::kBulkUpdate:
      return fmt::format("createQueryBuilder().update({}).set(…).whereInIds(ids)", child);
    case FixFamily::kDeduplicate:
      return "find({ …, cache: true })";
  }
  return "";
}

std::string Hibernate(FixFamily family, const std::string& parent, const std::string& child,
                      const std::string& attribute) {
  switch (family) {
    case FixFamily::kLoadMany:
      return fmt::format("@BatchSize(size = 100) on {}.{}, or @Fetch(FetchMode.SUBSELECT)", parent, attribute);
    case FixFamily::kLoadOne:
      return fmt::format("select p from {} p join fetch p.{}", parent, attribute);
    case FixFamily::kNarrow:
      return fmt::format("select new …({0}.id, …) from {0}", child);
    case FixFamily::kCount:
      return fmt::format("select c.fk, count(c) from {} c where c.fk in :ids group by c.fk", child);
    case FixFamily::kBulkUpdate:
      return fmt::format("update {} c set … where c.id in :ids", child);
    case FixFamily::kDeduplicate:
      return "second-level cache, or keep the entity";
  }
  return "";
}

}  // namespace

std::string SingularName(std::string_view relation) {
  const std::string folded = lineage::FoldName(relation);
  const auto forms = lineage::SingularForms(folded);
  return forms.size() > 1 ? forms[1] : forms[0];
}

std::string ClassName(std::string_view relation) { return CamelName(SingularName(relation), true); }

std::string OrmIdiom(sql::Orm orm, FixFamily family, const IdiomNames& names) {
  const std::string parent = ClassName(names.parent_relation), child = ClassName(names.child_relation);
  const std::string camel_attribute = CamelName(names.attribute, false);
  switch (orm) {
    case sql::Orm::kUnknown:
      return "";
    case sql::Orm::kSqlAlchemy:
      return SqlAlchemy(family, parent, child, names.attribute);
    case sql::Orm::kDjango:
      return Django(family, parent, child, names.attribute);
    case sql::Orm::kRails:
      return Rails(family, parent, child, names.attribute);
    case sql::Orm::kPrisma:
      return Prisma(family, CamelName(SingularName(names.parent_relation), false),
                    CamelName(SingularName(names.child_relation), false), camel_attribute);
    case sql::Orm::kTypeOrm:
      return TypeOrm(family, parent, child, camel_attribute);
    case sql::Orm::kHibernate:
      return Hibernate(family, parent, child, camel_attribute);
  }
  return "";
}

}  // namespace pgassay::detectors
