// A connection of our own to a database, for looking only. Every question is one read-only transaction with SET LOCAL
// limits, so that nothing stays set behind a pooler, and is asked with parameters alone. A connection lives kMaxLife
// and is closed at once when the owner says so: PostgreSQL gives up dropping a database after five seconds of waiting
// for others to leave. Blocking, with a deadline; call it from a thread that may wait. Errors are sentences and hold no
// value; the password is in none. Source: PostgreSQL manual, libpq; CountOtherDBBackends.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/result.h"

struct pg_conn;
struct pg_result;

namespace pgassay::catalog {

// Where to connect: an URI or keyword string as libpq reads it ("": libpq's defaults), and what overrides it, in
// libpq's keywords.
struct Target {
  std::string conninfo = {};
  std::vector<std::pair<std::string, std::string>> overrides = {};
};

class Rows {
 public:
  explicit Rows(pg_result* result) : result_(result) {}
  int size() const;
  // NULL reads as "" or 0.
  std::string_view Text(int row, int column) const;
  int64_t Int(int row, int column) const;
  double Real(int row, int column) const;
  uint32_t Oid(int row, int column) const { return static_cast<uint32_t>(Int(row, column)); }
  bool Bool(int row, int column) const { return Text(row, column) == "t"; }
  char Char(int row, int column) const;
  bool IsNull(int row, int column) const;

 private:
  struct Clearer {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Clearer> result_;
};

// Why a call failed, for those who have to tell causes apart.
struct ServerError {
  std::string sqlstate = {};  // "" if it never reached the server
};

struct Parameter {
  std::optional<std::string> value = {};  // empty: NULL
  bool binary = false;
  uint32_t type_oid = 0;
};

class Connection {
 public:
  static constexpr std::chrono::milliseconds kMaxLife{2000};
  static constexpr std::chrono::milliseconds kStatementLimit{2000};
  static constexpr std::chrono::milliseconds kWriteLimit{60'000};  // in a transaction that may write
  static constexpr std::chrono::milliseconds kLockLimit{100};
  // Of transactions: names of the catalogue are its own, whatever the database has.
  static constexpr const char* kOwnPath = "SET LOCAL search_path = pg_catalog, pg_temp";

  // `give_up`: when it turns true, whatever is going on ends within milliseconds with an error. May be null; outlives
  // the connection.
  static Result<Connection> Open(const Target& target, const std::atomic<bool>* give_up = nullptr);
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  int server_version() const;     // 150018
  std::string_view user() const;  // that logged in
  bool expired() const;           // older than kMaxLife; the owner opens another one

  // One question in a read-only transaction of its own, with search_path = pg_catalog.
  Result<Rows> Ask(const std::string& sql, std::span<const Parameter> parameters = {});

  // The parts of Ask, for a transaction of several statements. Begin sets the limits; End rolls back whatever was done.
  Result<> Begin(bool read_only = true);
  Result<Rows> Run(const std::string& sql, std::span<const Parameter> parameters = {});
  void End();
  const ServerError& last_error() const { return last_error_; }

 private:
  struct Finisher {
    void operator()(pg_conn* connection) const;
  };
  explicit Connection(pg_conn* connection, const std::atomic<bool>* give_up);
  Result<> WaitForSocket(bool to_write, std::chrono::steady_clock::time_point until) const;
  Result<Rows> Finish();
  void Leave();

  std::unique_ptr<pg_conn, Finisher> connection_;
  const std::atomic<bool>* give_up_ = nullptr;
  std::chrono::steady_clock::time_point opened_;
  std::chrono::milliseconds limit_ = kStatementLimit;
  ServerError last_error_;
};

// Connections one after the other: a new one when the last has lived long enough.
class Connections {
 public:
  explicit Connections(Target target, const std::atomic<bool>* give_up = nullptr)
      : target_(std::move(target)), give_up_(give_up) {}
  Result<Connection*> Get();
  void Close() { connection_.reset(); }
  bool given_up() const { return give_up_ != nullptr && give_up_->load(std::memory_order_relaxed); }

 private:
  Target target_;
  const std::atomic<bool>* give_up_;
  std::optional<Connection> connection_;
};

}  // namespace pgassay::catalog
