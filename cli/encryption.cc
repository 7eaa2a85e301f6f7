#include "cli/encryption.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace pgassay::cli {
namespace {

using relay::TlsOffer;
using relay::UpstreamTlsMode;
using relay::UpstreamTlsOptions;

constexpr std::array<std::pair<std::string_view, UpstreamTlsMode>, 4> kModes = {
    {{"disable", UpstreamTlsMode::kDisable},
     {"require", UpstreamTlsMode::kRequire},
     {"verify-ca", UpstreamTlsMode::kVerifyCa},
     {"verify-full", UpstreamTlsMode::kVerifyFull}}};

// What --upstream-tls and the files beside it say; nothing if none is given.
Result<std::optional<UpstreamTlsOptions>> FromFlags(const Settings& settings) {
  UpstreamTlsOptions options{.mode = UpstreamTlsMode::kVerifyFull,
                             .ca_file = settings.Text("upstream-ca"),
                             .certificate_file = settings.Text("upstream-cert"),
                             .key_file = settings.Text("upstream-key"),
                             .host = ""};
  if (options.certificate_file.empty() != options.key_file.empty()) {
    return Fail("--upstream-cert and --upstream-key go together (give both)");
  }
  const std::string mode = settings.Text("upstream-tls");
  if (mode.empty()) {
    const bool asked = !options.ca_file.empty() || !options.certificate_file.empty();
    return asked ? std::optional(options) : std::nullopt;
  }
  const auto found =
      std::ranges::find(kModes, std::string_view(mode), &std::pair<std::string_view, UpstreamTlsMode>::first);
  if (found == kModes.end()) {
    return Fail(fmt::format("--upstream-tls {} is none of disable, require, verify-ca, verify-full", mode));
  }
  options.mode = found->second;
  return options;
}

// The files that an address names, else those where libpq looks.
UpstreamTlsOptions WithFiles(UpstreamTlsMode mode, const Upstream& upstream, const Environment& environment,
                             const Machine& machine) {
  UpstreamTlsOptions options{.mode = mode,
                             .ca_file = upstream.tls_files.ca,
                             .certificate_file = upstream.tls_files.certificate,
                             .key_file = upstream.tls_files.key,
                             .host = upstream.name};
  const auto home = environment.GetFilled("HOME");
  const auto libpq_file = [&](std::string_view name) {
    const std::string path = home ? fmt::format("{}/.postgresql/{}", *home, name) : "";
    return !path.empty() && machine.exists(path) ? path : std::string();
  };
  if (options.mode == UpstreamTlsMode::kRequire && !options.ca_file.empty() && options.ca_file != "system") {
    options.mode = UpstreamTlsMode::kVerifyCa;  // as libpq reads sslmode=require beside an sslrootcert
  }
  if (options.ca_file == "system") {
    options.ca_file.clear();
  } else if (options.ca_file.empty() && options.mode > UpstreamTlsMode::kRequire) {
    options.ca_file = libpq_file("root.crt");
  }
  if (options.certificate_file.empty()) {
    options.certificate_file = libpq_file("postgresql.crt");
    options.key_file = libpq_file("postgresql.key");
    if (options.key_file.empty()) options.certificate_file.clear();
  } else if (options.key_file.empty()) {
    options.key_file = libpq_file("postgresql.key");
  }
  return options;
}

// The mode of a server that flags say nothing about, and a sentence if somebody may expect another one.
struct Decision {
  UpstreamTlsMode mode = UpstreamTlsMode::kDisable;
  std::string note;
};

Decision Decide(const Upstream& upstream, const AskForTls& ask) {
  const std::string server = relay::ToString(upstream.address);
  const relay::Route route{
      .listen = {}, .upstream = upstream.address, .user = upstream.user, .database = upstream.database};
  const bool open = upstream.tls_optional || upstream.tls == TlsDemand::kUnsaid || upstream.tls == TlsDemand::kPrefer;
  const Result<TlsOffer> offer = ask && open ? ask(route) : TlsOffer::kNone;
  const bool offered = offer && *offer != TlsOffer::kNone;
  const bool insists = offer && *offer == TlsOffer::kInsistedOn;
  switch (upstream.tls) {
    case TlsDemand::kVerifyFull:
      return {UpstreamTlsMode::kVerifyFull, ""};
    case TlsDemand::kVerifyCa:
      return {UpstreamTlsMode::kVerifyCa, ""};
    case TlsDemand::kRequire:
      if (!upstream.tls_optional || offered) return {UpstreamTlsMode::kRequire, ""};
      return {UpstreamTlsMode::kDisable,
              fmt::format("{} is not kept: {} is on this machine and offers no TLS", upstream.tls_said_by, server)};
    case TlsDemand::kOff:
      return {};
    case TlsDemand::kUnsaid:
    case TlsDemand::kPrefer:
      break;
  }
  if (insists || (offered && !IsLoopback(upstream.address))) return {UpstreamTlsMode::kRequire, ""};
  if (IsLoopback(upstream.address)) return {};
  if (!offer)
    return {UpstreamTlsMode::kDisable, fmt::format("{} is reached in plain: it could not be asked for TLS", server)};
  return {UpstreamTlsMode::kDisable,
          ask ? fmt::format("{} offers no TLS and is reached in plain (say sslmode=disable to agree)", server)
              : fmt::format("{} is reached without TLS, even if it offers it (give --upstream-tls verify-full, or say "
                            "sslmode=disable to agree)",
                            server)};
}

}  // namespace

Result<Encryption> SettleEncryption(const AddressPlan& plan, const Settings& settings, const Environment& environment,
                                    const Machine& machine, const AskForTls& ask) {
  const auto flags = FromFlags(settings);
  if (!flags) return std::unexpected(flags.error());
  Encryption settled;
  for (const Upstream& upstream : plan.upstreams) {
    UpstreamTlsOptions& options = settled.upstreams.emplace_back();
    if (!upstream.address.unix_path.empty()) {  // no driver encrypts there, and no server answers yes there
      if (*flags && (*flags)->mode != UpstreamTlsMode::kDisable) {
        return Fail(fmt::format("--upstream-tls: {} is a Unix socket, which has no TLS (name the server by HOST:PORT)",
                                upstream.address.unix_path));
      }
      continue;
    }
    if (*flags) {
      options = **flags;
      options.host = upstream.name;
      continue;
    }
    const Decision decision = Decide(upstream, ask);
    const bool said = std::ranges::find(settled.notes, decision.note) != settled.notes.end();  // by another listener
    if (!decision.note.empty() && !said) settled.notes.push_back(decision.note);
    if (decision.mode != UpstreamTlsMode::kDisable) options = WithFiles(decision.mode, upstream, environment, machine);
  }
  return settled;
}

Result<relay::ClientTlsOptions> ClientTls(const Settings& settings) {
  relay::ClientTlsOptions options{.certificate_file = settings.Text("tls-cert"), .key_file = settings.Text("tls-key")};
  if (options.certificate_file.empty() != options.key_file.empty()) {
    return Fail("--tls-cert and --tls-key go together (give both; pgassay tls-init DIR makes a pair)");
  }
  return options;
}

std::string BindingHint(const relay::RelayOptions& options) {
  if (options.client_tls.certificate_file.empty()) return "";
  for (const relay::Route& route : options.routes) {
    if (route.upstream_tls.mode == UpstreamTlsMode::kDisable) continue;
    if (relay::ShowsTheSameCertificate(route, options.client_tls)) continue;
    return fmt::format(
        "TLS on both legs, and {} is not the server's own certificate: clients that log in by SCRAM must say "
        "channel_binding=disable",
        options.client_tls.certificate_file);
  }
  return "";
}

std::vector<std::string> LoginTrouble::News(const SharedTotals& totals) {
  std::vector<std::string> news;
  const auto tell = [&](bool& said, std::atomic<uint64_t> LoopTotals::* field, std::string_view sentence) {
    if (said) return;
    said = std::ranges::any_of(totals.loops, [field](const LoopTotals& loop) { return (loop.*field).load() != 0; });
    if (said) news.emplace_back(sentence);
  };
  tell(binding_said_, &LoopTotals::binding_failures,
       "the server refused a login whose channel binding is to pgassay's certificate: say channel_binding=disable in "
       "the client, or show the server's own certificate by --tls-cert");
  tell(required_said_, &LoopTotals::tls_required,
       "the server refused a login because it was not encrypted: give --upstream-tls verify-full (or require)");
  return news;
}

}  // namespace pgassay::cli
