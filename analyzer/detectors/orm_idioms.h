// What to write in the ORM that sent a statement. One table: rules name the family of the mend, reports print the
// idiom. Class and attribute names are guessed from table names, and only for an ORM that was recognised. Pure.
#pragma once

#include <string>
#include <string_view>

#include "analyzer/sql/orm.h"

namespace pgassay::detectors {

enum class FixFamily {
  kLoadMany,     // F1: the rows of a to-many relation, all parents at once
  kLoadOne,      // F2: the row of a to-one relation, joined
  kNarrow,       // F3: fewer columns
  kCount,        // F6: counts and existence, grouped
  kBulkUpdate,   // F5
  kDeduplicate,  // F9
};

struct IdiomNames {
  std::string parent_relation;  // "users"
  std::string child_relation;   // "orders"
  std::string attribute;        // of the parent's class: "orders", "product"
};

// "select(User).options(selectinload(User.orders))"; "" for an unknown ORM.
std::string OrmIdiom(sql::Orm orm, FixFamily family, const IdiomNames& names);

// "order_items" -> "OrderItem".
std::string ClassName(std::string_view relation);
// "OrderItem", "order_items" -> "order_item".
std::string SingularName(std::string_view relation);

}  // namespace pgassay::detectors
