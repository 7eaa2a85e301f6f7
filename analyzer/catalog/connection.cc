#include "analyzer/catalog/connection.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <array>
#include <charconv>

#include "analyzer/sql/statement.h"

namespace pgassay::catalog {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kConnectLimit{2000};
constexpr std::chrono::milliseconds kLookEvery{20};  // at give_up
constexpr std::chrono::milliseconds kGrace{500};     // for the server's own timeout to arrive
constexpr int kTextFormat = 0;

template <class Number>
Number ParsedNumber(std::string_view text) {
  Number value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// The first line of what libpq says, without what may hold a value. Passwords are never in it.
std::string FirstLine(std::string_view message) {
  const size_t end = message.find('\n');
  return std::string(message.substr(0, end));
}

}  // namespace

void Rows::Clearer::operator()(pg_result* result) const { PQclear(result); }
int Rows::size() const { return PQntuples(result_.get()); }
bool Rows::IsNull(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }
std::string_view Rows::Text(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column), static_cast<size_t>(PQgetlength(result_.get(), row, column))};
}
int64_t Rows::Int(int row, int column) const { return ParsedNumber<int64_t>(Text(row, column)); }
double Rows::Real(int row, int column) const { return ParsedNumber<double>(Text(row, column)); }
char Rows::Char(int row, int column) const {
  const auto text = Text(row, column);
  return text.empty() ? '\0' : text[0];
}

void Connection::Finisher::operator()(pg_conn* connection) const { PQfinish(connection); }
Connection::Connection(pg_conn* connection, const std::atomic<bool>* give_up)
    : connection_(connection), give_up_(give_up), opened_(Clock::now()) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

int Connection::server_version() const { return PQserverVersion(connection_.get()); }
std::string_view Connection::user() const {
  const char* user = PQuser(connection_.get());
  return user == nullptr ? std::string_view{} : user;
}
bool Connection::expired() const {
  return Clock::now() - opened_ > kMaxLife || PQstatus(connection_.get()) != CONNECTION_OK;
}

Result<> Connection::WaitForSocket(bool to_write, Clock::time_point until) const {
  for (;;) {
    if (give_up_ != nullptr && give_up_->load(std::memory_order_relaxed)) return Fail("the database was left");
    if (Clock::now() > until) return Fail("the server did not answer in time");
    pollfd ready{
        .fd = PQsocket(connection_.get()), .events = static_cast<short>(to_write ? POLLOUT : POLLIN), .revents = 0};
    if (ready.fd < 0) return Fail("the connection was lost");
    if (::poll(&ready, 1, static_cast<int>(kLookEvery.count())) > 0) return {};
  }
}

Result<Connection> Connection::Open(const Target& target, const std::atomic<bool>* give_up) {
  std::vector<const char*> names = {"dbname"};
  std::vector<const char*> values = {target.conninfo.c_str()};
  for (const auto& [name, value] : target.overrides) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  for (const auto& [name, value] : {std::pair("application_name", "pgassay"), std::pair("client_encoding", "UTF8"),
                                    std::pair("connect_timeout", "2"), std::pair("tcp_user_timeout", "2500")}) {
    names.push_back(name);
    values.push_back(value);
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  Connection connection(PQconnectStartParams(names.data(), values.data(), 1), give_up);
  pg_conn* pq = connection.connection_.get();
  if (pq == nullptr) return Fail("out of memory");
  const auto until = Clock::now() + kConnectLimit;
  if (PQstatus(pq) != CONNECTION_BAD) {
    for (auto state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK;) {
      if (auto ready = connection.WaitForSocket(state == PGRES_POLLING_WRITING, until); !ready) {
        return std::unexpected(ready.error());
      }
      state = PQconnectPoll(pq);
      if (state == PGRES_POLLING_FAILED) break;
    }
  }
  if (PQstatus(pq) != CONNECTION_OK) return Fail(FirstLine(PQerrorMessage(pq)));
  PQsetNoticeProcessor(pq, [](void*, const char*) {}, nullptr);
  PQsetErrorContextVisibility(pq, PQSHOW_CONTEXT_NEVER);
  return connection;
}

// The server would go on with what it is at until its own time limit.
void Connection::Leave() {
  if (PGcancel* cancel = PQgetCancel(connection_.get())) {
    std::array<char, 256> reason{};
    PQcancel(cancel, reason.data(), static_cast<int>(reason.size()));
    PQfreeCancel(cancel);
  }
  connection_.reset();  // libpq takes a null connection for a lost one
}

Result<Rows> Connection::Finish() {
  pg_conn* pq = connection_.get();
  const auto until = Clock::now() + limit_ + kGrace;
  std::optional<Rows> rows;
  std::string failure;
  while (true) {
    while (PQflush(pq) == 1) {
      if (auto ready = WaitForSocket(true, until); !ready) return std::unexpected(ready.error());
    }
    while (PQisBusy(pq) != 0) {
      if (auto ready = WaitForSocket(false, until); !ready) {
        Leave();
        return std::unexpected(ready.error());
      }
      if (PQconsumeInput(pq) == 0) return Fail("the connection was lost");
    }
    pg_result* result = PQgetResult(pq);
    if (result == nullptr) break;
    rows.emplace(result);
    const auto status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) continue;
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
      Leave();
      return Fail("the server wants to copy");
    }
    const char* sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    last_error_.sqlstate = sqlstate == nullptr ? "" : sqlstate;
    const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    failure = primary == nullptr ? "the connection was lost" : sql::RedactMessage(primary);  // it may quote a value
  }
  if (!failure.empty()) return Fail(failure);
  if (!rows) return Fail("the server said nothing");
  return std::move(*rows);
}

Result<Rows> Connection::Run(const std::string& sql, std::span<const Parameter> parameters) {
  last_error_ = {};
  std::vector<unsigned> types;
  std::vector<const char*> values;
  std::vector<int> lengths, formats;
  for (const Parameter& parameter : parameters) {
    types.push_back(parameter.type_oid);
    values.push_back(parameter.value ? parameter.value->c_str() : nullptr);
    lengths.push_back(parameter.value ? static_cast<int>(parameter.value->size()) : 0);
    formats.push_back(parameter.binary ? 1 : kTextFormat);
  }
  // The extended protocol even without parameters: it takes one statement and no more.
  if (PQsendQueryParams(connection_.get(), sql.c_str(), static_cast<int>(parameters.size()), types.data(),
                        values.data(), lengths.data(), formats.data(), kTextFormat) == 0) {
    return Fail("the connection was lost");
  }
  return Finish();
}

Result<> Connection::Begin(bool read_only) {
  last_error_ = {};
  limit_ = read_only ? kStatementLimit : kWriteLimit;
  const std::string sql = fmt::format(
      "BEGIN TRANSACTION {}; {}; SET LOCAL statement_timeout = {}; "
      "SET LOCAL lock_timeout = {}; SET LOCAL idle_in_transaction_session_timeout = 10000; SET LOCAL DateStyle = ISO; "
      "SET LOCAL extra_float_digits = 1",
      read_only ? "READ ONLY" : "READ WRITE", kOwnPath, limit_.count(), kLockLimit.count());
  if (PQsendQuery(connection_.get(), sql.c_str()) == 0) return Fail("the connection was lost");
  if (auto begun = Finish(); !begun) return std::unexpected(begun.error());
  return {};
}

void Connection::End() {
  if (PQstatus(connection_.get()) != CONNECTION_OK || PQtransactionStatus(connection_.get()) == PQTRANS_IDLE) return;
  const ServerError error = last_error_;
  if (PQsendQuery(connection_.get(), "ROLLBACK") != 0) [[maybe_unused]]
    const auto ended = Finish();
  last_error_ = error;
}

Result<Rows> Connection::Ask(const std::string& sql, std::span<const Parameter> parameters) {
  if (auto begun = Begin(); !begun) return std::unexpected(begun.error());
  auto rows = Run(sql, parameters);
  End();
  return rows;
}

Result<Connection*> Connections::Get() {
  if (given_up()) return Fail("the database was left");
  if (connection_ && connection_->expired()) connection_.reset();
  if (!connection_) {
    auto opened = Connection::Open(target_, give_up_);
    if (!opened) return std::unexpected(opened.error());
    connection_.emplace(std::move(*opened));
  }
  return &*connection_;
}

}  // namespace pgassay::catalog
