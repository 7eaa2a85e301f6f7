// Who wrote this statement: an object-relational mapper recognised by the shape of its SQL, or named by a tag or
// application_name. Conservative: kUnknown rather than a guess, because the advice printed follows from it. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "analyzer/sql/statement.h"

namespace pgassay::sql {

enum class Orm : uint8_t { kUnknown, kSqlAlchemy, kDjango, kRails, kPrisma, kTypeOrm, kHibernate };
std::string_view OrmName(Orm orm);  // "sqlalchemy", "django", …; "" for kUnknown

// Tags (framework, db_driver, …) weigh more than the shape, the shape more than application_name.
Orm GuessOrm(std::string_view redacted_sql, std::span<const Tag> tags = {}, std::string_view application_name = {});

}  // namespace pgassay::sql
