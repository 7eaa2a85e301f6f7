#include "cli/catalog_sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "analyzer/detectors/measurements.h"
#include "analyzer/trace/trace.h"
#include "cli/database_url.h"
#include "cli/environment.h"
#include "cli/terminal.h"

namespace pgassay::cli {

namespace {

using Overrides = std::vector<std::pair<std::string, std::string>>;

void AddAddress(const relay::Address& address, Overrides& to) {
  if (address.unix_path.empty()) {
    to.emplace_back("host", address.host);
    to.emplace_back("port", std::to_string(address.port));
    return;
  }
  // libpq takes the directory, and the port out of the socket's name: /run/postgresql/.s.PGSQL.5432
  to.emplace_back("host", address.unix_path.substr(0, address.unix_path.rfind('/')));
  to.emplace_back("port", address.unix_path.substr(address.unix_path.rfind('.') + 1));
}

void AddTls(const relay::UpstreamTlsOptions& tls, Overrides& to) {
  switch (tls.mode) {
    case relay::UpstreamTlsMode::kDisable:
      to.emplace_back("sslmode", "disable");
      break;
    case relay::UpstreamTlsMode::kRequire:
      to.emplace_back("sslmode", "require");
      break;
    case relay::UpstreamTlsMode::kVerifyCa:
      to.emplace_back("sslmode", "verify-ca");
      break;
    case relay::UpstreamTlsMode::kVerifyFull:
      to.emplace_back("sslmode", "verify-full");
      break;
  }
  if (!tls.ca_file.empty()) to.emplace_back("sslrootcert", tls.ca_file);
  if (!tls.certificate_file.empty()) to.emplace_back("sslcert", tls.certificate_file);
  if (!tls.key_file.empty()) to.emplace_back("sslkey", tls.key_file);
}

ingest::CatalogSource SourceOf(const Upstream& upstream, const relay::UpstreamTlsOptions& tls) {
  ingest::CatalogSource source{.upstream = relay::ToString(upstream.address), .session_user = upstream.user.empty()};
  Overrides& overrides = source.target.overrides;
  AddAddress(upstream.address, overrides);
  AddTls(tls, overrides);
  if (!upstream.user.empty()) overrides.emplace_back("user", upstream.user);
  if (!upstream.password.empty()) overrides.emplace_back("password", upstream.password);
  return source;
}

Result<ingest::Explain> ExplainOf(const Settings& settings) {
  const std::string text = settings.Text("explain");
  if (text == "off" && settings.Switch("sandbox")) return Fail("--sandbox needs plans (take --explain off away)");
  if (text == "off") return ingest::Explain::kOff;
  if (text == "plans") return ingest::Explain::kPlans;
  if (text == "analyze") return ingest::Explain::kAnalyze;
  return Fail(fmt::format("--explain takes off, plans or analyze, not {}", text));
}

}  // namespace

Result<std::vector<ingest::CatalogSource>> CatalogSources(const Settings& settings,
                                                          const std::vector<Upstream>& upstreams,
                                                          const std::vector<relay::UpstreamTlsOptions>& tls) {
  std::vector<ingest::CatalogSource> sources;
  const std::string text = settings.Text("database");
  const auto explain = ExplainOf(settings);
  if (!explain) return std::unexpected(explain.error());
  if (text.empty() && settings.Switch("sandbox")) return Fail("--sandbox needs --database");
  if (text.empty() && settings.IsSet("explain") && *explain != ingest::Explain::kOff)
    return Fail("--explain needs --database");
  if (text.empty()) return sources;
  if (text == "auto") {
    for (size_t i = 0; i < upstreams.size(); ++i) sources.push_back(SourceOf(upstreams[i], tls[i]));
    for (ingest::CatalogSource& source : sources) {
      source.wanted = detectors::WantedMeasurements;
      source.explain = *explain;
      source.sandbox = settings.Switch("sandbox");
    }
    return sources;
  }
  if (!text.starts_with("postgresql://") && !text.starts_with("postgres://")) {
    return Fail("--database is no PostgreSQL URL (write postgresql://USER@HOST:PORT/DATABASE, or auto)");
  }
  const auto url = ParseDatabaseUrl(text);
  if (!url) return Fail(fmt::format("--database cannot be read: {}", url.error().message));
  const std::string database = url->path.size() > 1 ? PercentDecoded(std::string_view(url->path).substr(1)) : "";
  sources.push_back({.upstream = "",
                     .database = database,
                     .target = {.conninfo = text},
                     .explain = *explain,
                     .sandbox = settings.Switch("sandbox"),
                     .wanted = detectors::WantedMeasurements});
  return sources;
}

bool AnyIsPlanned(const std::vector<ingest::CatalogSource>& sources) {
  return std::ranges::any_of(sources, [](const auto& source) { return source.explain != ingest::Explain::kOff; });
}

void SayMissingCatalogs(const std::string& trace_path) {
  const auto trace = trace::Trace::Open(trace_path);
  if (!trace) return;  // the report says it
  const auto catalogs = trace->Catalogs();
  if (!catalogs) return;
  for (const trace::CatalogRow& row : *catalogs) {
    if (row.problem.empty()) continue;
    Say(fmt::format("the catalogue of database {} is {}: {}", row.database, row.snapshot ? "old" : "missing",
                    row.problem));
  }
}

}  // namespace pgassay::cli
