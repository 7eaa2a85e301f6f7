// A session of the test's own on the server that PGHOST and its like name, to arrange and to look.
#pragma once

#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <memory>
#include <string>

#include "analyzer/catalog/connection.h"
#include "analyzer/catalog/reader.h"

namespace pgassay::catalog {

class ServerSession {
 public:
  ServerSession() : connection_(PQconnectdb(""), PQfinish) {
    EXPECT_EQ(PQstatus(connection_.get()), CONNECTION_OK) << PQerrorMessage(connection_.get());
    PQsetNoticeProcessor(connection_.get(), [](void*, const char*) {}, nullptr);
  }

  // The first value of the last statement; "" if there is none.
  std::string Run(const std::string& sql) {
    const std::unique_ptr<PGresult, void (*)(PGresult*)> result(PQexec(connection_.get(), sql.c_str()), PQclear);
    const auto status = PQresultStatus(result.get());
    EXPECT_TRUE(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) << PQerrorMessage(connection_.get());
    return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
  }

 private:
  std::unique_ptr<PGconn, void (*)(PGconn*)> connection_;
};

inline Target As(const std::string& user) {
  return {.overrides = user.empty() ? decltype(Target::overrides){} : decltype(Target::overrides){{"user", user}}};
}

inline Snapshot Look(const std::string& user = "") {
  Connections connections(As(user));
  auto snapshot = ReadSnapshot(connections);
  EXPECT_TRUE(snapshot) << snapshot.error().message;
  return snapshot ? std::move(*snapshot) : Snapshot{};
}

}  // namespace pgassay::catalog
