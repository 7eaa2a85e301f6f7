#include "proxy/relay/control.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "proxy/base/clock.h"
#include "proxy/relay/sockets.h"

namespace pgassay::relay {
namespace {

constexpr size_t kMaxRunners = 1024;
constexpr int64_t kPatience = 2'000'000'000;  // for a runner's process to be found

}  // namespace

struct Control::Line : Watched {
  Line(UniqueFd socket, std::shared_ptr<const ClientPid> process, int64_t opened)
      : Watched(WatchKind::kControl), fd(std::move(socket)), client(std::move(process)), opened_ns(opened) {}

  UniqueFd fd;
  std::shared_ptr<const ClientPid> client;  // of a TCP runner, until it is known
  int64_t opened_ns;
  std::unique_ptr<Runner> runner;  // once the process is known
  std::string received;
};

Control::Control(int epoll_fd, int listen_fd, std::string token, ClientProcessFinder& clients,
                 session::RecordSink& sink)
    : epoll_fd_(epoll_fd), listen_fd_(listen_fd), token_(std::move(token)), clients_(clients), sink_(sink) {
  clients_.Expect(0);
  epoll_event event{.events = EPOLLIN, .data = {.ptr = &listener_}};
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, listen_fd_, &event);
}

Control::~Control() = default;

void Control::OnEvent(Watched& watched) {
  if (watched.kind == WatchKind::kControlListener) return Accept();
  auto& line = static_cast<Line&>(watched);
  if (line.fd) OnReadable(line);
}

void Control::Accept() {
  UniqueFd fd(::accept4(listen_fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd || lines_.size() >= kMaxRunners) return;  // closed at once
  const int64_t now_ns = MonotonicNowNs();
  const SocketAddress us = LocalAddress(fd.get());
  SetRelayOptions(fd.get(), us.family());
  std::shared_ptr<const ClientPid> client;
  if (us.family() != AF_UNIX) client = clients_.Find(PeerAddress(fd.get()), us);
  auto line = std::make_unique<Line>(std::move(fd), std::move(client), now_ns);
  epoll_event event{.events = EPOLLIN, .data = {.ptr = static_cast<Watched*>(line.get())}};
  if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, line->fd.get(), &event) != 0) return;
  if (line->client) {
    ++waiting_;
  } else {
    line->runner = std::make_unique<Runner>(next_runner_id_++, PeerProcess(line->fd.get()), token_);
    clients_.Expect(line->runner->client_pid());
  }
  lines_.push_back(std::move(line));
}

void Control::OnTime(int64_t now_ns) {
  for (size_t i = 0; i < lines_.size() && waiting_ > 0; ++i) {
    Line& line = *lines_[i];
    if (!line.client) continue;
    const int32_t pid = line.client->value.load(std::memory_order_acquire);
    if (pid == ClientPid::kPending && now_ns - line.opened_ns < kPatience) continue;
    line.client.reset();
    --waiting_;
    line.runner = std::make_unique<Runner>(next_runner_id_++, std::max(pid, 0), token_);
    Take(line);
  }
}

void Control::OnReadable(Line& line) {
  std::array<char, 4096> bytes;
  const ssize_t got = ::recv(line.fd.get(), bytes.data(), bytes.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return Close(line);
  line.received.append(bytes.data(), static_cast<size_t>(got));
  Take(line);
}

// Whole lines that have come, in their order.
void Control::Take(Line& line) {
  if (!line.runner) {
    if (line.received.size() > kMaxControlLine) Close(line);
    return;
  }
  size_t begin = 0;
  for (size_t end = 0; (end = line.received.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const std::string_view text = std::string_view(line.received).substr(begin, end - begin);
    const int32_t known = line.runner->client_pid();
    const std::string reply = line.runner->OnLine(text, MonotonicNowNs(), next_scope_id_, sink_);
    if (line.runner->client_pid() != known) clients_.Expect(line.runner->client_pid());
    const ssize_t sent = ::send(line.fd.get(), reply.data(), reply.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent != static_cast<ssize_t>(reply.size()) || line.runner->refused()) return Close(line);
  }
  line.received.erase(0, begin);
  if (line.received.size() <= kMaxControlLine) return;
  const std::string reply = fmt::format("error too-long a line has at most {} bytes\n", kMaxControlLine);
  ::send(line.fd.get(), reply.data(), reply.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  Close(line);
}

void Control::Close(Line& line) {
  if (line.client) --waiting_;
  if (line.runner) line.runner->OnEnd(MonotonicNowNs(), sink_);
  line.client.reset();
  line.fd.Reset();  // takes it out of epoll
  const auto at = std::ranges::find(lines_, &line, &std::unique_ptr<Line>::get);
  closed_.push_back(std::move(*at));
  lines_.erase(at);
}

void Control::FreeClosed() { closed_.clear(); }

void Control::End(int64_t now_ns) {
  for (const auto& line : lines_) {
    if (line->runner) line->runner->OnEnd(now_ns, sink_);
  }
  lines_.clear();
  waiting_ = 0;
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, listen_fd_, nullptr);
}

}  // namespace pgassay::relay
