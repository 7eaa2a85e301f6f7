// What the recorder makes of SQL texts, for a comparison with another account of the same run: texts on stdin, each
// ended by a NUL; for each text on stdout its statements, each as shape hash (as SQLite shows it), US, the statement as
// sent, US, the statement redacted, RS; then a NUL.
#include <cstdint>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

#include "analyzer/ingest/named_sql.h"
#include "analyzer/sql/statement.h"
#include "proxy/session/query_event.h"

namespace {

constexpr char kUnitEnd = '\x1f';
constexpr char kRecordEnd = '\x1e';

void Print(const pgassay::HashKey& key, std::string_view text) {
  for (const pgassay::sql::Statement& scanned : pgassay::sql::Scan(key, text)) {
    const std::string_view own = text.substr(scanned.offset, scanned.length);
    const pgassay::ingest::NamedSql named = pgassay::ingest::ReadNamedSql(own);
    const auto again = pgassay::sql::Scan(key, named.anonymous);
    const pgassay::sql::Statement& shown = again.size() == 1 ? again.front() : scanned;
    std::cout << static_cast<int64_t>(shown.shape_hash) << kUnitEnd << own << kUnitEnd << shown.sql << kRecordEnd;
  }
  std::cout << '\0';
}

}  // namespace

int main() {
  const pgassay::HashKey key = pgassay::HashKey::ForTests(1);  // shapes do not depend on it
  const std::string input(std::istreambuf_iterator<char>(std::cin), {});
  for (size_t begin = 0; begin < input.size();) {
    const size_t end = input.find('\0', begin);
    const std::string_view text = std::string_view(input).substr(begin, end == std::string::npos ? end : end - begin);
    Print(key, text.substr(0, pgassay::session::kMaxTextBytes));
    if (end == std::string::npos) break;
    begin = end + 1;
  }
  return 0;
}
