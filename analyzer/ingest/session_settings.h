// What a session has set, followed through its transactions, so that its statements can be planned as it would: read
// from SET, RESET, set_config() and the server's own reports. In memory only, for values may be secrets. What cannot be
// followed (a savepoint rolled back behind a SET, set_config() of a computed value, functions that set) is left as it
// was. Source: PostgreSQL manual, SET, RESET, DISCARD, set_config.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "analyzer/catalog/planner.h"
#include "analyzer/sql/statement.h"

namespace pgassay::ingest {

struct SettingChange {
  std::string name;                  // folded; "role"; "" stands for all of them
  std::optional<std::string> value;  // as set_config() takes it; empty: back to the default
  bool local = false;
  friend bool operator==(const SettingChange&, const SettingChange&) = default;
};

// Of one statement as sent; nothing if it sets nothing that can be told.
std::optional<SettingChange> ReadSettingChange(std::string_view statement);

// Of a StartupMessage: "-c search_path=tenant_2 --work-mem=1MB", with backslashes before white space.
std::vector<std::pair<std::string, std::string>> ReadOptions(std::string_view options);

class SessionSettings {
 public:
  explicit SessionSettings(std::string user = {}) : user_(std::move(user)) {}

  // A statement that succeeded. `text`: as sent. `transaction_before`: as in QueryEvent.
  void OnStatement(sql::Operation operation, std::string_view text, char transaction_before);
  // ParameterStatus, or of the StartupMessage; its "options" too.
  void OnReport(std::string_view name, std::string_view value);
  // As it is now; the same object until something changes.
  std::shared_ptr<const catalog::SessionContext> Context();

 private:
  using Values = std::map<std::string, std::string>;
  void Apply(const SettingChange& change, bool in_transaction);
  void End(bool committed);

  std::string user_;
  Values defaults_;                  // of the StartupMessage's options
  Values at_begin_, lasting_, now_;  // lasting: once the transaction is committed
  bool open_ = false;                // a transaction that BEGIN began
  std::shared_ptr<const catalog::SessionContext> context_;
};

}  // namespace pgassay::ingest
