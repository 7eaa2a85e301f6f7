#include "proxy/relay/relay.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <thread>

#include "proxy/relay/event_loop.h"
#include "proxy/relay/sockets.h"

namespace pgassay::relay {
namespace {

constexpr rlim_t kDescriptorsPerConnection = 2;
constexpr rlim_t kOtherDescriptors = 64;

rlim_t FilesFor(int max_connections) {
  return static_cast<rlim_t>(max_connections) * kDescriptorsPerConnection + kOtherDescriptors;
}

// As many as the hard limit allows. Beyond them accepting pauses, and logins get 53300.
void RaiseDescriptorLimit(int max_connections) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = FilesFor(max_connections);
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min(wanted, limit.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

Result<std::vector<Listener>> BindListeners(const RelayOptions& options) {
  std::vector<Address> addresses;
  addresses.reserve(options.routes.size() + 1);
  for (const Route& route : options.routes) addresses.push_back(route.listen);
  if (options.control) addresses.push_back(options.control->listen);
  std::vector<Listener> listeners;
  for (const Address& address : addresses) {
    Result<UniqueFd> fd = Listen(address);
    if (!fd) return std::unexpected(fd.error());
    const Address bound = ToAddress(LocalAddress(fd->get()));
    listeners.push_back({std::move(*fd), bound});
  }
  return listeners;
}

uint64_t TooLowLimitOfFiles(int max_connections) {
  rlimit limit{};
  const bool known = ::getrlimit(RLIMIT_NOFILE, &limit) == 0;
  return known && limit.rlim_max < FilesFor(max_connections) ? limit.rlim_max : 0;
}

bool HasIpv6Loopback() { return Listen({.host = "::1", .port = 0, .unix_path = {}}).has_value(); }

Result<> Serve(const RelayOptions& options, std::vector<Listener> listeners, RelayMemory memory, int stop_fd,
               int drain_ms) {
  assert(memory.rings.size() == static_cast<size_t>(options.threads) && options.threads <= kMaxLoops);
  assert(listeners.size() == options.routes.size() + (options.control ? 1 : 0));
  RaiseDescriptorLimit(options.max_connections);
  Shared shared{.routes = {},
                .max_connections = options.max_connections,
                .first_bytes_limit_ns = std::chrono::nanoseconds(options.first_bytes_limit).count(),
                .stop_fd = stop_fd,
                .drain_ms = drain_ms,
                .key = *memory.key,
                .tls = TlsContexts(options, memory.totals->certificates),
                .tls_passthrough = options.tls_passthrough,
                .gss_passthrough = options.gss_passthrough,
                .keep_binding_offer = options.keep_binding_offer,
                .send_values = options.send_values,
                .control_fd = options.control ? listeners.back().fd.get() : -1,
                .control_token = options.control ? options.control->token : std::string(),
                .cancel_keys = {},
                .clients = {}};
  if (Result<> loaded = shared.tls.Load(); !loaded) return loaded;
  for (size_t i = 0; i < options.routes.size(); ++i) {
    Result<std::vector<SocketAddress>> upstreams = Resolve(options.routes[i].upstream, false);
    if (!upstreams) return std::unexpected(upstreams.error());
    const int listen_fd = listeners[i].fd.get();
    const SocketAddress listen = LocalAddress(listen_fd);
    const bool near = listen.family() == AF_UNIX || listen.loopback();
    shared.routes.push_back({.listen_fd = listen_fd,
                             .listen_family = listen.family(),
                             .tls_only = !near && !options.plaintext_remote,
                             .upstream_name = ToString(options.routes[i].upstream),
                             .upstreams = std::move(*upstreams)});
  }
  std::vector<std::unique_ptr<EventLoop>> loops;
  for (size_t i = 0; i < memory.rings.size(); ++i) {
    loops.push_back(
        std::make_unique<EventLoop>(shared, memory.rings[i], memory.totals->loops[i], memory.totals->recorder));
    if (Result<> opened = loops.back()->Open(i == 0); !opened) return opened;
  }
  std::vector<std::thread> threads;
  for (size_t i = 1; i < loops.size(); ++i) threads.emplace_back([&loop = *loops[i]] { loop.Run(); });
  loops[0]->Run();
  for (std::thread& thread : threads) thread.join();
  for (const Listener& listener : listeners) {
    if (!listener.bound.unix_path.empty()) ::unlink(listener.bound.unix_path.c_str());
  }
  memory.totals->relay_done.store(1, std::memory_order_release);
  return {};
}

}  // namespace pgassay::relay
