// The shop as a plain libpq program: a few of its conversations, each over every way in which libpq can send a
// statement.
//
//   shop_client load                  tables users, orders, order_items, anew and small
//   shop_client list                  the conversations, and the finding that each one's bad form deserves
//   shop_client bad|good [NAME…]      sends them (all without a NAME), prints what it read
//
// The server is that of DATABASE_URL, else libpq's environment. Output is the same for the same data, whatever lies
// between. Each conversation has a connection and a transaction of its own. Exit code: 0, 1 if a statement failed, 2
// for bad usage.
#include <libpq-fe.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct Closer {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
};
using Connection = std::unique_ptr<PGconn, Closer>;
using Rows = std::unique_ptr<PGresult, Closer>;

constexpr int kInt4 = 23;
constexpr int kText = 0;
constexpr int kBinary = 1;
constexpr std::string_view kUsers = "SELECT id, name FROM users WHERE is_active ORDER BY name LIMIT 12";
constexpr std::string_view kOrdersOfUser = "SELECT id, total FROM orders WHERE user_id = ";
constexpr std::string_view kOrdersOfUsers = "SELECT user_id, id, total FROM orders WHERE user_id = ANY(";
constexpr std::string_view kOrders = "SELECT id, user_id, total FROM orders ORDER BY total DESC, id LIMIT 17";

Connection Connect() {
  const char* url = std::getenv("DATABASE_URL");
  Connection connection(PQconnectdb(url == nullptr ? "" : url));
  if (PQstatus(connection.get()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(connection.get()));
  return connection;
}

Rows Checked(const Connection& connection, PGresult* result) {
  Rows rows(result);
  switch (PQresultStatus(result)) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_PIPELINE_SYNC:
      return rows;
    default:
      throw std::runtime_error(PQerrorMessage(connection.get()));
  }
}

Rows Simple(const Connection& connection, const std::string& sql) {
  return Checked(connection, PQexec(connection.get(), sql.c_str()));
}

// An int4 as the binary format has it: four bytes, big end first.
std::array<char, 4> Binary(int32_t value) {
  const auto bits = static_cast<uint32_t>(value);
  return {static_cast<char>(bits >> 24U), static_cast<char>(bits >> 16U), static_cast<char>(bits >> 8U),
          static_cast<char>(bits)};
}

std::vector<int32_t> Column(const Rows& rows, int column) {
  std::vector<int32_t> values;
  for (int row = 0; row < PQntuples(rows.get()); ++row)
    values.push_back(std::stoi(PQgetvalue(rows.get(), row, column)));
  return values;
}

// What was read, so that two runs can be compared; a binary result is counted only.
class Tally {
 public:
  explicit Tally(std::string_view name) : name_(name) {}
  void Add(const Rows& rows) {
    ++results_;
    for (int row = 0; row < PQntuples(rows.get()); ++row) {
      ++rows_;
      for (int column = 0; column < PQnfields(rows.get()); ++column)
        Add(PQgetvalue(rows.get(), row, column), PQgetlength(rows.get(), row, column));
    }
  }
  void Add(const char* bytes, int length) {
    for (const char byte : std::span(bytes, static_cast<size_t>(length)))
      sum_ = sum_ * 31 + static_cast<unsigned char>(byte);
  }
  void Print() const {
    std::printf("%.*s: %d results, %d rows, sum %08x\n", static_cast<int>(name_.size()), name_.data(), results_, rows_,
                sum_);
  }

 private:
  std::string_view name_;
  int results_ = 0;
  int rows_ = 0;
  uint32_t sum_ = 0;
};

std::string ArrayOf(const std::vector<int32_t>& ids) {
  std::string text = "{";
  for (const int32_t id : ids) text += (text.size() > 1 ? "," : "") + std::to_string(id);
  return text + "}";
}

// The good form of every loop over users: one statement with all ids.
void OrdersOfAll(const Connection& connection, const std::vector<int32_t>& ids, Tally& tally) {
  const std::string array = ArrayOf(ids);
  const char* value = array.c_str();
  const std::string sql = std::string(kOrdersOfUsers) + "$1::int[])";
  tally.Add(
      Checked(connection, PQexecParams(connection.get(), sql.c_str(), 1, nullptr, &value, nullptr, nullptr, kText)));
}

void SimpleQueries(const Connection& connection, const std::vector<int32_t>& ids, Tally& tally) {
  for (const int32_t id : ids) tally.Add(Simple(connection, std::string(kOrdersOfUser) + std::to_string(id)));
}

void TextParameters(const Connection& connection, const std::vector<int32_t>& ids, Tally& tally) {
  const std::string sql = std::string(kOrdersOfUser) + "$1";
  for (const int32_t id : ids) {
    const std::string text = std::to_string(id);
    const char* value = text.c_str();  // of unknown type, as most scripting languages send it
    tally.Add(
        Checked(connection, PQexecParams(connection.get(), sql.c_str(), 1, nullptr, &value, nullptr, nullptr, kText)));
  }
}

void BinaryParameters(const Connection& connection, const std::vector<int32_t>& ids, Tally& tally) {
  const std::string sql = std::string(kOrdersOfUser) + "$1";
  const Oid type = kInt4;
  for (const int32_t id : ids) {
    const std::array<char, 4> bytes = Binary(id);
    const char* value = bytes.data();
    const int length = static_cast<int>(bytes.size());
    const int format = kBinary;
    tally.Add(
        Checked(connection, PQexecParams(connection.get(), sql.c_str(), 1, &type, &value, &length, &format, kBinary)));
  }
}

void Prepared(const Connection& connection, const std::vector<int32_t>& ids, Tally& tally) {
  const std::string sql = std::string(kOrdersOfUser) + "$1";
  Checked(connection, PQprepare(connection.get(), "orders_of_user", sql.c_str(), 0, nullptr));
  for (const int32_t id : ids) {
    const std::string text = std::to_string(id);
    const char* value = text.c_str();
    tally.Add(
        Checked(connection, PQexecPrepared(connection.get(), "orders_of_user", 1, &value, nullptr, nullptr, kText)));
  }
}

void SqlPrepared(const Connection& connection, const std::vector<int32_t>& ids, Tally& tally) {
  Simple(connection, "PREPARE orders_of (int) AS " + std::string(kOrdersOfUser) + "$1");
  for (const int32_t id : ids) tally.Add(Simple(connection, "EXECUTE orders_of(" + std::to_string(id) + ")"));
  Simple(connection, "DEALLOCATE orders_of");
}

// All children in one go, one Sync: no wait per row, but a statement per row all the same.
void Pipelined(const Connection& connection, const std::vector<int32_t>& ids, Tally& tally) {
  const std::string sql = std::string(kOrdersOfUser) + "$1";
  PGconn* raw = connection.get();
  PQenterPipelineMode(raw);
  for (const int32_t id : ids) {
    const std::string text = std::to_string(id);
    const char* value = text.c_str();
    PQsendQueryParams(raw, sql.c_str(), 1, nullptr, &value, nullptr, nullptr, kText);
  }
  PQpipelineSync(raw);
  for (size_t i = 0; i < ids.size(); ++i) {
    tally.Add(Checked(connection, PQgetResult(raw)));
    Rows(PQgetResult(raw));  // the null between two statements
  }
  Checked(connection, PQgetResult(raw));
  PQexitPipelineMode(raw);
}

using Loop = void (*)(const Connection&, const std::vector<int32_t>&, Tally&);

template <Loop loop>
void UsersAndOrders(const Connection& connection, bool good, Tally& tally) {
  const Rows users = Simple(connection, std::string(kUsers));
  tally.Add(users);
  const std::vector<int32_t> ids = Column(users, 0);
  good ? OrdersOfAll(connection, ids, tally) : loop(connection, ids, tally);
}

// A list fetched five rows at a time, with a look-up per row while the rest is still to come.
void Cursor(const Connection& connection, bool good, Tally& tally) {
  const std::string fields = "SELECT product_id, quantity FROM order_items WHERE order_id ";
  Simple(connection, "DECLARE latest NO SCROLL CURSOR FOR " + std::string(kOrders));
  while (true) {
    const Rows piece = Simple(connection, "FETCH FORWARD 5 FROM latest");
    tally.Add(piece);
    const std::vector<int32_t> ids = Column(piece, 0);
    if (ids.empty()) break;
    if (good) {
      tally.Add(Simple(connection, fields + "= ANY('" + ArrayOf(ids) + "')"));
      continue;
    }
    for (const int32_t id : ids) tally.Add(Simple(connection, fields + "= " + std::to_string(id)));
  }
  Simple(connection, "CLOSE latest");
}

// Out with one COPY, in with another: nothing to complain about in either form.
void Copy(const Connection& connection, bool /*good*/, Tally& tally) {
  PGconn* raw = connection.get();
  std::vector<std::string> lines;
  Simple(connection, "COPY (SELECT * FROM order_items ORDER BY order_id, product_id) TO STDOUT");
  char* line = nullptr;
  for (int length = 0; (length = PQgetCopyData(raw, &line, 0)) > 0; PQfreemem(line))
    lines.emplace_back(line, static_cast<size_t>(length));
  Checked(connection, PQgetResult(raw));
  Simple(connection, "CREATE TEMPORARY TABLE copied (LIKE order_items) ON COMMIT DROP");
  Simple(connection, "COPY copied FROM STDIN");
  for (const std::string& one : lines) PQputCopyData(raw, one.data(), static_cast<int>(one.size()));
  PQputCopyEnd(raw, nullptr);
  Checked(connection, PQgetResult(raw));
  tally.Add(Simple(connection, "SELECT count(*), sum(quantity) FROM copied"));
}

struct Conversation {
  std::string_view name;
  void (*send)(const Connection& connection, bool good, Tally& tally);
  std::string_view finding;  // title of the bad form's; "" if it deserves none
};

constexpr std::string_view kOrdersFinding = "orders.user_id <- users.id";
constexpr std::array kConversations = {
    Conversation{"simple", UsersAndOrders<SimpleQueries>, kOrdersFinding},
    Conversation{"text-parameters", UsersAndOrders<TextParameters>, kOrdersFinding},
    Conversation{"binary-parameters", UsersAndOrders<BinaryParameters>, kOrdersFinding},
    Conversation{"prepared", UsersAndOrders<Prepared>, kOrdersFinding},
    Conversation{"sql-prepared", UsersAndOrders<SqlPrepared>, kOrdersFinding},
    Conversation{"pipelined", UsersAndOrders<Pipelined>, kOrdersFinding},
    Conversation{"cursor", Cursor, "order_items.order_id <- orders.id"},
    Conversation{"copy", Copy, ""},
};

void Send(const Conversation& conversation, bool good) {
  const Connection connection = Connect();
  Tally tally(conversation.name);
  Simple(connection, "BEGIN");
  conversation.send(connection, good, tally);
  Simple(connection, "COMMIT");
  tally.Print();
}

// Ids with gaps that differ by table and follow no list's order.
void Load() {
  const Connection connection = Connect();
  PQsetNoticeProcessor(connection.get(), [](void*, const char*) {}, nullptr);
  for (const char* sql : {
           "DROP TABLE IF EXISTS order_items, orders, users",
           "CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL, is_active bool NOT NULL)",
           "CREATE TABLE orders (id int PRIMARY KEY, user_id int NOT NULL REFERENCES users, total numeric(10, 2) NOT "
           "NULL)",
           "CREATE TABLE order_items (order_id int REFERENCES orders, product_id int, quantity int NOT NULL, "
           "PRIMARY KEY (order_id, product_id))",
           "INSERT INTO users SELECT 20400 + n * 7 + n % 3, 'user ' || md5(n::text), n % 9 <> 0 FROM "
           "generate_series(1, 300) n",
           "INSERT INTO orders SELECT 500100 + n * 11 + n % 4, (SELECT 20400 + u * 7 + u % 3 FROM (SELECT 1 + n * 37 % "
           "300 AS u) x), "
           "(n * 7919 % 99991) / 100.0 FROM generate_series(1, 900) n",
           "INSERT INTO order_items SELECT o.id, 7000 + (o.id * 13 + p * 17) % 4000, p FROM orders o, "
           "generate_series(1, 3) p",
           "CREATE INDEX ON orders (user_id)",
           "ANALYZE",
       }) {
    Simple(connection, sql);
  }
}

const Conversation* Find(std::string_view name) {
  for (const Conversation& conversation : kConversations) {
    if (conversation.name == name) return &conversation;
  }
  return nullptr;
}

int Usage() {
  std::fputs("usage: shop_client load | list | bad [NAME…] | good [NAME…]\n", stderr);
  return 2;
}

int Run(std::span<char*> arguments) {
  if (arguments.empty()) return Usage();
  const std::string_view command = arguments.front();
  if (command == "load") {
    Load();
    return 0;
  }
  if (command == "list") {
    for (const Conversation& one : kConversations) {
      std::printf("%.*s\t%.*s\n", static_cast<int>(one.name.size()), one.name.data(),
                  static_cast<int>(one.finding.size()), one.finding.data());
    }
    return 0;
  }
  if (command != "bad" && command != "good") return Usage();
  const std::span<char*> names = arguments.subspan(1);
  for (const char* name : names) {
    if (Find(name) == nullptr) return Usage();
    Send(*Find(name), command == "good");
  }
  if (!names.empty()) return 0;
  for (const Conversation& conversation : kConversations) Send(conversation, command == "good");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Run(std::span(argv, static_cast<size_t>(argc)).subspan(1));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "shop_client: %s\n", error.what());
    return 1;
  }
}
