// Tags in SQL comments: sqlcommenter (key='url%20encoded',…), marginalia (key:value,key:value), and bare key=value.
#pragma once

#include <string_view>
#include <vector>

#include "analyzer/sql/statement.h"

namespace pgassay::sql {

// `comment` with its delimiters. Adds nothing unless the whole comment reads as tags.
void ParseTags(std::string_view comment, std::vector<Tag>& tags);

}  // namespace pgassay::sql
